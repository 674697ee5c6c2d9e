"""Long curves, drawn from few rows: they are what thinning the whole would leave."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from store import leases, metrics
from store.database import Database
from store.leases import Lease
from store.series import Point, thin, thinning_width
from store.spans import WIDTHS
from store.tables import MetricSpan
from tests.unit.queued import submit_queued
from trainer_core.contract.spec import JobSpec

Bounds = tuple[int | None, int | None]
WHOLE: Bounds = (None, None)


def write(database: Database, lease: Lease, steps: Sequence[int], phase: float = 0.0, batch: int = 333) -> None:
    """Write a wave, some steps at a time as a recorder does."""
    for begin in range(0, len(steps), batch):
        with database.writing() as session:
            some = [Point("loss", step, math.sin(step / 50 + phase)) for step in steps[begin : begin + batch]]
            metrics.record(session, lease, some)


def claimed(database: Database) -> Lease:
    with database.writing() as session:
        lease = leases.claim(session, worker="w", seconds=90)
    assert lease is not None
    return lease


@pytest.fixture
def job_id(database: Database, spec: JobSpec) -> str:
    """A job of three attempts, each of which began again behind a checkpoint in the middle of a span."""
    with database.writing() as session:
        submit_queued(session, spec)
    for phase, (first, last) in enumerate([(1, 2500), (2001, 3100), (3050, 5000)]):
        lease = claimed(database)
        write(database, lease, range(first, last + 1), phase)
        with database.writing() as session:
            leases.give_back(session, lease, "stopping")
    return lease.job_id


def read(
    database: Database, job_id: str, bounds: Bounds, max_points: int | None
) -> tuple[int, list[tuple[int, float]]]:
    """How many points there are, and those that were read."""
    with database.reading() as session:
        (loss,) = metrics.read(
            session, job_id, names=["loss"], from_step=bounds[0], to_step=bounds[1], max_points=max_points
        )
    return loss.num_points, list(zip(loss.steps, loss.values, strict=True))


@pytest.mark.parametrize("bounds", [WHOLE, (1, 5000), (70, 4000), (2400, 2600), (1999, 3060), (3051, None)])
@pytest.mark.parametrize("max_points", [10, 100])
def test_a_thinned_curve_is_what_thinning_the_whole_leaves(
    database: Database, job_id: str, bounds: Bounds, max_points: int
) -> None:
    num_points, whole = read(database, job_id, bounds, None)

    told, left = read(database, job_id, bounds, max_points)

    width = thinning_width(whole[0][0], whole[-1][0], max_points)
    level = max([1, *(one for one in WIDTHS if one <= width)])
    assert told == num_points == len(whole)
    assert len(left) <= max_points
    assert left == (thin(whole, -(-width // level) * level) if num_points > max_points else whole)


def test_attempts_are_joined_without_a_gap(database: Database, job_id: str) -> None:
    _, whole = read(database, job_id, WHOLE, None)

    assert [step for step, _ in whole] == list(range(1, 5001))
    assert whole[2999] == (3000, math.sin(3000 / 50 + 1))


def test_a_series_no_longer_than_asked_for_is_whole(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        submit_queued(session, spec)
    lease = claimed(database)
    write(database, lease, range(100, 50_000, 500))

    num_points, left = read(database, lease.job_id, WHOLE, 100)

    assert [step for step, _ in left] == list(range(100, 50_000, 500))
    assert num_points == 100


def test_sparse_steps_within_bounds_are_whole_too(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        submit_queued(session, spec)
    lease = claimed(database)
    write(database, lease, range(0, 50_000, 100))

    _, left = read(database, lease.job_id, (10_000, 12_000), 30)

    assert [step for step, _ in left] == list(range(10_000, 12_001, 100))


def test_steps_that_a_later_attempt_passed_over_are_replaced_too(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        submit_queued(session, spec)
    write(database, first := claimed(database), range(1, 100))
    with database.writing() as session:
        leases.give_back(session, first, "stopping")
    write(database, claimed(database), [50, 90])

    _, left = read(database, first.job_id, (60, 95), None)

    assert [step for step, _ in left] == [90]


def test_spans_are_the_same_however_points_come(database: Database, job_id: str) -> None:
    with database.writing() as session:
        session.execute(MetricSpan.__table__.delete())  # type: ignore[attr-defined]
    write(database, Lease(job_id, 8, ""), range(100), batch=100)
    write(database, Lease(job_id, 9, ""), range(100), batch=3)

    with database.reading() as session:
        keys = (MetricSpan.width, MetricSpan.number)
        rows = [
            session.execute(select(*columns()).where(MetricSpan.attempt == attempt).order_by(*keys)).all()
            for attempt in (8, 9)
        ]

    assert rows[0] == rows[1]
    assert sum(row.num_points for row in rows[0] if row.width == WIDTHS[0]) == 100


def columns() -> list[Any]:
    return [column for column in MetricSpan.__table__.columns if column.name != "attempt"]
