"""What a sweep does."""

import shutil
from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from store import completions, inspections, jobs, leases, submissions, workers
from store.clock import from_now
from store.database import Database
from store.doorbell import Bell
from store.file_tables import Submission
from store.files import Storage
from store.leases import Lease
from store.lifecycle import JobStatus
from store.orphans import Orphans
from store.tables import Attempt
from store.workers import Counted
from tests.patience import until
from tests.unit.clock import Clock
from tests.unit.queued import submit_queued
from tests.unit.worker.counting_doorbell import CountingDoorbell
from trainer_core.contract.chat import Chat
from trainer_core.contract.spec import JobSpec, Resources
from worker.attempt import Attempts
from worker.chats import Chats
from worker.inspection import Inspections
from worker.rescue import Rescue
from worker.settings import WorkerSettings
from worker.slots import Slots
from worker.warm import Warm


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slots(storage: Storage) -> Slots:
    return Slots(storage.root / "slots", 1)


@pytest.fixture
def warm(settings: WorkerSettings) -> Warm:
    return Warm(settings.trainer_command, {}, 0)


@pytest.fixture
def attempts(settings: WorkerSettings, database: Database, slots: Slots, warm: Warm) -> Iterator[Attempts]:
    attempts = Attempts(settings, database, slots, warm)
    yield attempts
    attempts.drain()


@pytest.fixture
def started(
    settings: WorkerSettings,
    database: Database,
    storage: Storage,
    doorbell: CountingDoorbell,
    slots: Slots,
    clock: Clock,
    warm: Warm,
    attempts: Attempts,
) -> Rescue:
    """What sweeps in a worker that has just started."""
    looker = Inspections(settings, database, storage, doorbell, warm)  # type: ignore[arg-type]
    chats = Chats(settings, database, storage, doorbell, warm, attempts, slots)  # type: ignore[arg-type]
    orphans = Orphans(database, storage)
    return Rescue(settings, database, doorbell, attempts, looker, chats, slots, orphans, clock)  # type: ignore[arg-type]


@pytest.fixture
def rescue(started: Rescue, settings: WorkerSettings, clock: Clock) -> Rescue:
    """The same once it has been sweeping for as long as a lease lasts."""
    sweep_for(settings.lease_seconds, started, settings, clock)
    return started


def sweep_for(seconds: float, rescue: Rescue, settings: WorkerSettings, clock: Clock) -> None:
    until = clock.now + seconds
    while clock.now < until:
        rescue.sweep()
        clock.now += settings.sweep_seconds


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


def test_a_chat_that_waits_is_rung_for(rescue: Rescue, database: Database, doorbell: CountingDoorbell) -> None:
    with database.writing() as session:
        completions.ask(session, "starter", Chat(messages=()), is_streamed=False)

    rescue.sweep()

    assert doorbell.rung == [Bell.COMPLETIONS]


def test_what_nobody_sends_again_is_forgotten(rescue: Rescue, database: Database) -> None:
    with database.writing() as session:
        submissions.keep(session, "k", "thing", "0" * 64, "a", is_retry=False)
        session.execute(update(Submission).values(created_at=from_now(-73 * 3600)))

    rescue.sweep()

    with database.reading() as session:
        assert session.scalar(select(Submission)) is None


def test_a_sweep_collects_orphans(started: Rescue, database: Database, storage: Storage, lease: Lease) -> None:
    orphan = storage.run_dir(lease.job_id, lease.attempt) / "artifact" / "model.safetensors"
    orphan.parent.mkdir(parents=True)
    orphan.touch()
    with database.writing() as session:
        leases.give_back(session, lease, "stopping")
        session.execute(update(Attempt).values(ended_at=from_now(-7200)))

    started.sweep()

    assert not orphan.exists()


def test_nobody_rings_for_an_empty_queue(rescue: Rescue, doorbell: CountingDoorbell) -> None:
    rescue.sweep()

    assert doorbell.rung == []


def test_a_worker_that_has_just_started_gives_runners_time_to_renew(
    started: Rescue, database: Database, lease: Lease
) -> None:
    expire(database, lease)

    started.sweep()

    assert status(database, lease) == JobStatus.RUNNING


def test_nothing_expires_right_after_the_database_was_away(
    rescue: Rescue, database: Database, lease: Lease, clock: Clock
) -> None:
    expire(database, lease)
    clock.now += 60  # without a sweep that came through

    rescue.sweep()

    assert status(database, lease) == JobStatus.RUNNING


def test_leases_expire_again_once_runners_have_had_time(
    rescue: Rescue, database: Database, lease: Lease, settings: WorkerSettings, clock: Clock
) -> None:
    expire(database, lease)
    clock.now += 60

    sweep_for(settings.lease_seconds + settings.sweep_seconds, rescue, settings, clock)

    assert status(database, lease) == JobStatus.QUEUED


def test_a_job_of_whose_processes_none_is_left_is_queued_at_once(
    started: Rescue, database: Database, lease: Lease
) -> None:
    with database.writing() as session:
        leases.occupy(session, lease, ["slot-0"])

    started.sweep()

    assert status(database, lease) == JobStatus.QUEUED


def test_a_job_whose_slot_is_held_is_left_to_whoever_holds_it(
    started: Rescue, database: Database, lease: Lease, slots: Slots
) -> None:
    with database.writing() as session:
        leases.occupy(session, lease, ["slot-0"])

    with slots.all_free():
        started.sweep()

    assert status(database, lease) == JobStatus.RUNNING


def test_jobs_of_other_workers_are_not_looked_for_here(started: Rescue, database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        submit_queued(session, spec)
        lease = leases.claim(session, worker="another", seconds=90)
        assert lease is not None
        leases.occupy(session, lease, ["slot-0"])

    started.sweep()

    assert status(database, lease) == JobStatus.RUNNING


def test_nobody_rings_for_a_job_that_fits_no_slot_here(
    rescue: Rescue, database: Database, spec: JobSpec, doorbell: CountingDoorbell
) -> None:
    with database.writing() as session:
        submit_queued(session, spec.model_copy(update={"resources": Resources(gpus=1)}))

    rescue.sweep()

    assert doorbell.rung == []


def test_a_sweep_tells_what_the_worker_counts(started: Rescue, database: Database) -> None:
    started.sweep()

    with database.reading() as session:
        (worker,) = workers.alive(session)
    assert worker.tallies == dict.fromkeys(Counted, 0)


@pytest.mark.usefixtures("_runners_are_told")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sweeps_go_on_whatever_breaks_one_off(started: Rescue, database: Database, storage: Storage) -> None:
    shutil.rmtree(storage.root / "slots")

    started.start()

    until(lambda: missed(database))
    started.stop()


def missed(database: Database) -> int:
    """Sweeps that the worker has told to have missed."""
    with database.reading() as session:
        return sum(worker.tallies[Counted.SWEEPS_MISSED] for worker in workers.alive(session))
