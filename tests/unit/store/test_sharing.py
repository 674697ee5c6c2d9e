"""Whose turn it is."""

import pytest

from store import jobs, leases, projects, sharing, waiting
from store.database import Database
from store.leases import Lease
from store.resources import ANYTHING
from tests.unit.queued import submit_queued
from trainer_core.contract.spec import JobSpec


@pytest.fixture
def other(database: Database) -> str:
    """A second project."""
    with database.writing() as session:
        return projects.add(session, "other").id


def queue(database: Database, spec: JobSpec, project_id: str, number: int = 1, **changed: object) -> list[str]:
    """Jobs of a project, on a dataset that is nobody's concern here."""
    with database.writing() as session:
        session.info["project_id"] = None
        found = [submit_queued(session, spec.model_copy(update=changed)).id for _ in range(number)]
        for job_id in found:
            jobs.get(session, job_id).project_id = project_id
    return found


def claim(database: Database) -> Lease | None:
    with database.writing() as session:
        return leases.claim(session, worker="w", seconds=90)


def claimed_projects(database: Database, number: int) -> list[str]:
    found = []
    for _ in range(number):
        lease = claim(database)
        assert lease is not None
        with database.reading() as session:
            found.append(jobs.get(session, lease.job_id).project_id)
    return found


def test_projects_take_turns_whoever_came_first(database: Database, spec: JobSpec, other: str) -> None:
    queue(database, spec, "proj_default", 3)
    queue(database, spec, other, 2)

    assert claimed_projects(database, 5) == ["proj_default", other, "proj_default", other, "proj_default"]


def test_a_larger_share_holds_more_slots(database: Database, spec: JobSpec, other: str) -> None:
    with database.writing() as session:
        projects.change(session, other, share=3)
    queue(database, spec, "proj_default", 4)
    queue(database, spec, other, 4)

    assert claimed_projects(database, 4).count(other) == 3


def test_on_one_slot_whoever_has_used_less_goes_first(database: Database, spec: JobSpec, other: str) -> None:
    queue(database, spec, "proj_default", 3)
    first = claim(database)
    assert first is not None
    queue(database, spec, other)

    with database.writing() as session:
        leases.succeed(session, first)

    assert claimed_projects(database, 2) == [other, "proj_default"]


def test_priority_goes_before_age_within_a_project_and_not_before_another_project(
    database: Database, spec: JobSpec, other: str
) -> None:
    late_and_high = queue(database, spec, "proj_default", 2)[1:]
    with database.writing() as session:
        jobs.get(session, late_and_high[0]).priority = 100
    queue(database, spec, other)

    first, second = claim(database), claim(database)

    assert first is not None
    assert second is not None
    assert first.job_id in late_and_high
    with database.reading() as session:
        assert jobs.get(session, second.job_id).project_id == other


def test_no_more_jobs_run_than_the_project_may(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        projects.change(session, "proj_default", max_running_jobs=1)
    queue(database, spec, "proj_default", 2)
    first = claim(database)
    assert first is not None

    assert claim(database) is None

    with database.writing() as session:
        assert not leases.is_anything_due(session)
        leases.succeed(session, first)
    assert claim(database) is not None


def test_a_project_that_has_used_its_hours_starts_no_job(database: Database, spec: JobSpec) -> None:
    queue(database, spec, "proj_default")
    with database.writing() as session:
        projects.change(session, "proj_default", max_gpu_hours=0.0)

    with database.reading() as session:
        assert list(sharing.turns(session, ANYTHING)) == []


def test_the_place_in_the_queue_is_among_the_projects_own(database: Database, spec: JobSpec, other: str) -> None:
    queue(database, spec, "proj_default", 3)
    [theirs] = queue(database, spec, other)

    with database.reading() as session:
        assert waiting.positions(session, [jobs.get(session, theirs)]) == {theirs: 1}
