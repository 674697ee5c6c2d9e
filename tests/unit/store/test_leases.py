"""Who may run a job, and what a runner that lost it can no longer do."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from store import checkpoints, events, jobs, leases
from store.clock import from_now
from store.database import Database
from store.leases import MAX_INFRA_FAILURES, Failure, Lease, LeaseLost
from store.lifecycle import JobStatus
from store.tables import Attempt, Job
from tests.unit.queued import submit_queued
from trainer_core.contract.dataset import DatasetFault
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.events import CheckpointSaved
from trainer_core.contract.spec import JobSpec


def submit(database: Database, spec: JobSpec, **changes: object) -> str:
    with database.writing() as session:
        return submit_queued(session, spec.model_copy(update=changes)).id


def claim(database: Database, seconds: float = 90) -> Lease | None:
    with database.writing() as session:
        return leases.claim(session, worker="w", seconds=seconds)


def claimed(database: Database, seconds: float = 90) -> Lease:
    lease = claim(database, seconds)
    assert lease is not None
    return lease


def job(database: Database, job_id: str) -> Job:
    with database.reading() as session:
        return jobs.get(session, job_id)


def test_an_empty_queue_gives_no_lease(database: Database) -> None:
    assert claim(database) is None


def test_the_highest_priority_is_claimed_first(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    urgent = submit(database, spec, priority=1)

    assert claimed(database).job_id == urgent


def test_among_equals_the_oldest_is_claimed_first(database: Database, spec: JobSpec) -> None:
    oldest = submit(database, spec)
    submit(database, spec)

    assert claimed(database).job_id == oldest


def test_a_claim_counts_the_attempt(database: Database, spec: JobSpec) -> None:
    submit(database, spec)

    assert claimed(database).attempt == 1


def test_a_job_started_when_its_first_attempt_did(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, spec)
    first = claimed(database)
    started_at = job(database, job_id).started_at
    with database.writing() as session:
        leases.give_back(session, first, "stopping")

    claimed(database)

    assert job(database, job_id).started_at == started_at


def test_a_claimed_job_is_not_claimed_again(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    claimed(database)

    assert claim(database) is None


def test_of_many_claimers_each_job_goes_to_one(database: Database, spec: JobSpec) -> None:
    submitted = {submit(database, spec) for _ in range(12)}

    with ThreadPoolExecutor(8) as pool:
        found = [lease for lease in pool.map(lambda _: claim(database), range(24)) if lease]

    assert sorted(lease.job_id for lease in found) == sorted(submitted)


def test_a_beat_renews_the_lease(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    lease = claimed(database, seconds=1)
    before = job(database, lease.job_id).lease_until

    with database.writing() as session:
        leases.renew(session, lease, 90)

    after = job(database, lease.job_id).lease_until
    assert before is not None
    assert after is not None
    assert after > before


def test_a_live_lease_has_not_expired(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    claimed(database)

    with database.writing() as session:
        assert not list(leases.expired(session))


def test_a_lease_without_beats_expires(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    lease = claimed(database, seconds=-1)

    with database.writing() as session:
        assert list(leases.expired(session)) == [lease]


@pytest.mark.parametrize("outcome", [leases.succeed, leases.cancel], ids=lambda one: one.__name__)
def test_a_lost_lease_writes_nothing(database: Database, spec: JobSpec, outcome: object) -> None:
    job_id = submit(database, spec)
    old = claimed(database, seconds=-1)
    with database.writing() as session:
        leases.give_back(session, old, "stopping")
    new = claimed(database)

    with database.writing() as session, pytest.raises(LeaseLost):
        outcome(session, old)  # type: ignore[operator]

    found = job(database, job_id)
    assert (found.status, found.attempt, found.owner_token) == (JobStatus.RUNNING, 2, new.owner_token)


def test_a_stolen_token_of_another_attempt_is_refused(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    lease = claimed(database)
    forged = Lease(lease.job_id, lease.attempt + 1, lease.owner_token)

    with database.writing() as session, pytest.raises(LeaseLost):
        leases.renew(session, forged, 90)


def test_a_failure_is_told_with_its_code(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    lease = claimed(database)

    with database.writing() as session:
        leases.fail(session, lease, Failure(FailureCode.OUT_OF_MEMORY, "too big"))

    found = job(database, lease.job_id)
    assert (found.status, found.failure_code, found.failure_message) == (JobStatus.FAILED, "out_of_memory", "too big")


def test_the_faults_of_a_dataset_are_kept_with_the_failure(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    lease = claimed(database)
    fault = DatasetFault(code="too_long", line=3, detail="900 tokens")

    with database.writing() as session:
        leases.fail(session, lease, Failure(FailureCode.INVALID_DATASET, "too long", (fault,)))

    assert job(database, lease.job_id).failure_faults == (fault,)


def test_a_drained_job_is_queued_again_and_not_charged(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    lease = claimed(database)

    with database.writing() as session:
        leases.give_back(session, lease, "stopping")

    found = job(database, lease.job_id)
    assert (found.status, found.infra_failures) == (JobStatus.QUEUED, 0)


def test_a_job_whose_end_was_asked_for_is_cancelled_even_if_its_budget_is_spent(
    database: Database, spec: JobSpec
) -> None:
    submit(database, spec)
    lease = claimed(database)
    with database.writing() as session:
        session.execute(update(Job).values(infra_failures=MAX_INFRA_FAILURES))
        jobs.request_cancel(session, lease.job_id)

        leases.charge(session, lease, "lost")

    assert job(database, lease.job_id).status == JobStatus.CANCELLED


def saved(database: Database, lease: Lease, step: int) -> None:
    event = CheckpointSaved(step=step, epoch=1.0, path=f"{step}", num_bytes=1, manifest_sha256="0" * 64, metrics={})
    with database.writing() as session:
        checkpoints.record(session, lease, event)


@pytest.mark.parametrize(("step", "left"), [(20, 1), (10, 2)])
def test_only_a_checkpoint_that_came_further_clears_the_faults(
    database: Database, spec: JobSpec, step: int, left: int
) -> None:
    submit(database, spec)
    first = claimed(database)
    saved(database, first, 10)
    with database.writing() as session:
        leases.charge(session, first, "lost")
        session.execute(update(Job).values(not_before=from_now()))
    second = claimed(database)

    saved(database, second, step)
    with database.writing() as session:
        leases.charge(session, second, "lost")

    assert job(database, first.job_id).infra_failures == left


def test_a_charged_job_waits_before_it_starts_again(
    database: Database, spec: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_BACKOFF_SECONDS", 300)  # this machine may stand still for as long as it is
    submit(database, spec)
    lease = claimed(database)

    with database.writing() as session:
        leases.charge(session, lease, "The trainer died")

    assert job(database, lease.job_id).status == JobStatus.QUEUED
    assert claim(database) is None


def test_a_job_whose_budget_is_spent_fails(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    lease = claimed(database)
    with database.writing() as session:
        leases.write(session, lease, infra_failures=MAX_INFRA_FAILURES)

    with database.writing() as session:
        leases.charge(session, lease, "The trainer died")

    found = job(database, lease.job_id)
    assert (found.status, found.failure_code) == (JobStatus.FAILED, "infra_exhausted")


def test_an_attempt_is_recorded_with_its_outcome(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    lease = claimed(database)

    with database.writing() as session:
        leases.cancel(session, lease)

    with database.reading() as session:
        attempt = session.scalars(select(Attempt)).one()
    assert (attempt.number, attempt.outcome, attempt.ended_at is not None) == (1, "cancelled", True)


def test_the_story_of_a_job_is_told_in_order(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    lease = claimed(database)
    with database.writing() as session:
        leases.succeed(session, lease)

    with database.reading() as session:
        story = [event.type for event in events.after(session, lease.job_id, 0, 10)]

    assert story == ["job_submitted", "job_queued", "attempt_started", "job_succeeded"]
