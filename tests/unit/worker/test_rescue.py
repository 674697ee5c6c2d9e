"""What a sweep does."""

import pytest
from sqlalchemy import update

from store import inspections, jobs, leases, workers
from store.clock import from_now
from store.database import Database
from store.doorbell import Bell
from store.files import Storage
from store.leases import Lease
from store.lifecycle import JobStatus
from store.orphans import Orphans
from store.tables import Attempt
from tests.unit.queued import submit_queued
from tests.unit.worker.counting_doorbell import CountingDoorbell
from trainer_core.contract.spec import JobSpec
from worker.attempt import Attempts
from worker.inspection import Inspections
from worker.rescue import Rescue
from worker.settings import WorkerSettings
from worker.slots import Slots


@pytest.fixture
def rescue(settings: WorkerSettings, database: Database, storage: Storage, doorbell: CountingDoorbell) -> Rescue:
    attempts = Attempts(settings, database, Slots(storage.root / "slots", 1))
    looker = Inspections(settings, database, storage, doorbell)  # type: ignore[arg-type]
    return Rescue(settings, database, doorbell, attempts, looker, Orphans(database, storage))  # type: ignore[arg-type]


def expire(database: Database, lease: Lease) -> None:
    with database.writing() as session:
        leases.renew(session, lease, -1)


def status(database: Database, lease: Lease) -> JobStatus:
    with database.reading() as session:
        return jobs.get(session, lease.job_id).status


def test_a_sweep_tells_that_the_worker_lives(rescue: Rescue, database: Database) -> None:
    rescue.sweep()

    with database.reading() as session:
        assert [worker.name for worker in workers.alive(session)] == ["w"]


def test_a_job_whose_lease_expired_is_queued_again(rescue: Rescue, database: Database, lease: Lease) -> None:
    expire(database, lease)

    rescue.sweep()

    assert status(database, lease) == JobStatus.QUEUED


def test_a_job_that_was_asked_to_end_ends_when_its_lease_expires(
    rescue: Rescue, database: Database, lease: Lease
) -> None:
    with database.writing() as session:
        jobs.request_cancel(session, lease.job_id)
    expire(database, lease)

    rescue.sweep()

    assert status(database, lease) == JobStatus.CANCELLED


def test_a_job_with_a_live_lease_is_left_alone(rescue: Rescue, database: Database, lease: Lease) -> None:
    rescue.sweep()

    assert status(database, lease) == JobStatus.RUNNING


def test_a_waiting_job_is_rung_for_again(
    rescue: Rescue, database: Database, spec: JobSpec, doorbell: CountingDoorbell
) -> None:
    with database.writing() as session:
        submit_queued(session, spec)

    rescue.sweep()

    assert doorbell.rung == [Bell.JOBS]


def test_a_job_that_is_to_be_looked_at_is_rung_for(
    rescue: Rescue, database: Database, spec: JobSpec, doorbell: CountingDoorbell
) -> None:
    with database.writing() as session:
        inspections.submit(session, spec)

    rescue.sweep()

    assert doorbell.rung == [Bell.INSPECTIONS]


def test_a_sweep_collects_orphans(rescue: Rescue, database: Database, storage: Storage, lease: Lease) -> None:
    orphan = storage.run_dir(lease.job_id, lease.attempt) / "artifact" / "model.safetensors"
    orphan.parent.mkdir(parents=True)
    orphan.touch()
    with database.writing() as session:
        leases.give_back(session, lease)
        session.execute(update(Attempt).values(ended_at=from_now(-7200)))

    rescue.sweep()

    assert not orphan.exists()


def test_nobody_rings_for_an_empty_queue(rescue: Rescue, doorbell: CountingDoorbell) -> None:
    rescue.sweep()

    assert doorbell.rung == []
