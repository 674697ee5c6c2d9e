"""Numbers by step, over attempts."""

import pytest

from store import leases, metrics
from store.database import Database
from store.leases import Lease
from store.series import Point
from tests.unit.queued import submit_queued
from trainer_core.contract.spec import JobSpec


@pytest.fixture
def job_id(database: Database, spec: JobSpec) -> str:
    """A job whose first attempt wrote steps 1 to 4 and whose second began again at step 3."""
    with database.writing() as session:
        submit_queued(session, spec)
        first = leases.claim(session, worker="w", seconds=90)
        assert first is not None
        record(session, first, {1: 4.0, 2: 3.0, 3: 2.0, 4: 1.0})
        leases.give_back(session, first, "stopping")
        second = leases.claim(session, worker="w", seconds=90)
        assert second is not None
        record(session, second, {3: 2.5})
    return second.job_id


def record(session: object, lease: Lease, losses: dict[int, float]) -> None:
    metrics.record(session, lease, [Point("loss", step, value) for step, value in losses.items()])  # type: ignore[arg-type]


def test_a_later_attempt_replaces_what_came_before_from_its_first_step_on(database: Database, job_id: str) -> None:
    with database.reading() as session:
        (loss,) = metrics.read(session, job_id)

    assert (loss.steps, loss.values) == ([1, 2, 3], [4.0, 3.0, 2.5])


def test_both_bounds_are_inclusive(database: Database, job_id: str) -> None:
    with database.reading() as session:
        (loss,) = metrics.read(session, job_id, names=["loss"], from_step=2, to_step=3)

    assert loss.steps == [2, 3]


def test_an_unknown_name_has_no_series(database: Database, job_id: str) -> None:
    with database.reading() as session:
        assert metrics.read(session, job_id, names=["accuracy"]) == []
