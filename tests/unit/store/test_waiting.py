"""The queue as its jobs are told of it."""

import pytest

from store import jobs, waiting
from store.database import Database
from tests.unit.queued import submit_queued
from trainer_core.contract.spec import JobSpec


def submit(database: Database, spec: JobSpec, **changes: object) -> str:
    with database.writing() as session:
        return submit_queued(session, spec.model_copy(update=changes)).id


def test_queue_positions_follow_priority_and_then_age(database: Database, spec: JobSpec) -> None:
    first, second = submit(database, spec), submit(database, spec)
    urgent = submit(database, spec, priority=5)

    with database.reading() as session:
        places = waiting.positions(session, [jobs.get(session, one) for one in (first, second, urgent)])

    assert places == {urgent: 1, first: 2, second: 3}


def test_the_last_place_that_is_told_stands_for_all_behind_it(
    database: Database, spec: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LAST_PLACE", 2)
    submitted = [submit(database, spec) for _ in range(4)]

    with database.reading() as session:
        places = waiting.positions(session, [jobs.get(session, one) for one in submitted])

    assert list(places.values()) == [1, 2, 2, 2]
