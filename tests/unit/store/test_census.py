"""What there is in the service, in numbers."""

import pytest
from sqlalchemy import update

from store import census, leases, workers
from store.clock import from_now
from store.database import Database
from store.lifecycle import JobStatus
from store.tables import Job
from store.workers import Counted
from tests.unit.queued import claim_submitted, submit_queued
from trainer_core.contract.spec import JobSpec


def test_an_empty_service_has_nothing(database: Database) -> None:
    with database.reading() as session:
        found = census.take(session)

    assert set(found.jobs.values()) == {0}
    assert found.longest_wait_seconds == 0
    assert found.shortest_lease_seconds is None


def test_jobs_are_counted_until_they_have_ended(database: Database, spec: JobSpec) -> None:
    lease = claim_submitted(database, spec)
    with database.writing() as session:
        submit_queued(session, spec)
        leases.succeed(session, lease)
        found = census.take(session)

    assert found.jobs == {JobStatus.VALIDATING: 0, JobStatus.QUEUED: 1, JobStatus.RUNNING: 0, JobStatus.PAUSED: 0}


def test_the_longest_wait_is_that_of_the_oldest_queued_job(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        first = submit_queued(session, spec).id
        submit_queued(session, spec)
        session.execute(update(Job).where(Job.id == first).values(queued_at=from_now(-3600)))
        found = census.take(session)

    assert 3600 <= found.longest_wait_seconds < 7200


def test_a_lease_that_has_run_out_is_told_as_below_zero(database: Database, spec: JobSpec) -> None:
    lease = claim_submitted(database, spec)
    with database.writing() as session:
        session.execute(update(Job).where(Job.id == lease.job_id).values(lease_until=from_now(-60)))
        found = census.take(session)

    assert found.shortest_lease_seconds is not None
    assert found.shortest_lease_seconds <= -60


def test_slots_of_running_attempts_are_busy(database: Database, spec: JobSpec) -> None:
    lease = claim_submitted(database, spec)
    with database.writing() as session:
        leases.occupy(session, lease, ["gpu-1", "gpu-2"])
        workers.see(session, "w", num_slots=8, memory_bytes=1, gpus=(), tallies={Counted.RUNNERS_STARTED: 3})
        found = census.take(session)

    assert found.busy_slots == {"w": 2}
    assert [(one.name, one.num_slots, one.tallies) for one in found.workers] == [("w", 8, {"runners_started": 3})]


def test_no_more_than_so_many_are_counted(database: Database, spec: JobSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "MOST", 2)
    with database.writing() as session:
        for _ in range(3):
            submit_queued(session, spec)
        found = census.take(session)

    assert found.jobs[JobStatus.QUEUED] == 2
