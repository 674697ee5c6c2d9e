"""Jobs as their owners see them."""

import pytest
from sqlalchemy import update

from store import inspections, jobs, leases, listing, stored_files, trained_models
from store.clock import from_now
from store.database import Database
from store.datasets import DatasetNotFound
from store.jobs import JobAlreadyEnded, JobNotFound, NothingToSave, NotPausable, NotPaused, NotRetriable
from store.leases import Failure, Lease, Wish
from store.lifecycle import JobStatus
from store.tables import Attempt, Job
from tests.unit.queued import pass_inspection, submit_queued
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.report import JobReport, Problem
from trainer_core.contract.spec import JobSpec


def submit(database: Database, spec: JobSpec, **changes: object) -> str:
    with database.writing() as session:
        return submit_queued(session, spec.model_copy(update=changes)).id


def running(database: Database, spec: JobSpec) -> Lease:
    submit(database, spec)
    return claimed(database)


def claimed(database: Database) -> Lease:
    with database.writing() as session:
        lease = leases.claim(session, worker="w", seconds=90)
    assert lease is not None
    return lease


def failed(database: Database, spec: JobSpec) -> str:
    lease = running(database, spec)
    with database.writing() as session:
        leases.charge(session, lease, "lost")
        session.execute(update(Job).values(not_before=from_now()))
    lease = claimed(database)
    with database.writing() as session:
        leases.fail(session, lease, Failure(FailureCode.OUT_OF_MEMORY, "too big"))
    return lease.job_id


def test_a_submitted_job_waits_in_the_queue(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, spec)

    with database.reading() as session:
        assert jobs.get(session, job_id).status == JobStatus.QUEUED


def test_a_job_keeps_its_spec(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, spec, metadata={"ticket": "ML-12"})

    with database.reading() as session:
        assert jobs.get(session, job_id).spec == spec.model_copy(update={"metadata": {"ticket": "ML-12"}})


def test_a_job_with_an_unknown_dataset_is_refused(database: Database, spec: JobSpec) -> None:
    with pytest.raises(DatasetNotFound, match="file-2"):
        submit(database, spec, eval_dataset="file-2")


def test_a_refused_job_leaves_nothing(database: Database, spec: JobSpec) -> None:
    with pytest.raises(DatasetNotFound):
        submit(database, spec, eval_dataset="file-2")

    with database.reading() as session:
        assert not listing.page(session, base_model=None, after=None, limit=10)


def test_an_unknown_job_is_not_found(database: Database) -> None:
    with database.reading() as session, pytest.raises(JobNotFound, match="ftjob-none"):
        jobs.get(session, "ftjob-none")


def test_a_waiting_job_is_cancelled_at_once(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, spec)

    with database.writing() as session:
        job = jobs.request_cancel(session, job_id)

    assert (job.status, job.finished_at is not None) == (JobStatus.CANCELLED, True)


def test_a_running_job_is_only_asked_to_end(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, spec)
    with database.writing() as session:
        leases.claim(session, worker="w", seconds=90)

    with database.writing() as session:
        job = jobs.request_cancel(session, job_id)

    assert (job.status, job.cancel_requested_at is not None) == (JobStatus.RUNNING, True)


def test_cancelling_twice_is_the_same_as_once(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, spec)

    with database.writing() as session:
        first = jobs.request_cancel(session, job_id).finished_at
        second = jobs.request_cancel(session, job_id).finished_at

    assert first == second


def test_an_ended_job_cannot_be_cancelled(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, spec)
    with database.writing() as session:
        lease = leases.claim(session, worker="w", seconds=90)
        assert lease is not None
        leases.succeed(session, lease)

    with database.writing() as session, pytest.raises(JobAlreadyEnded, match="succeeded"):
        jobs.request_cancel(session, job_id)


def test_a_queued_job_is_paused_at_once(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, spec)

    with database.writing() as session:
        assert jobs.request_pause(session, job_id).status == JobStatus.PAUSED
        assert leases.claim(session, worker="w", seconds=90) is None


def test_a_running_job_is_only_asked_to_pause(database: Database, spec: JobSpec) -> None:
    lease = running(database, spec)

    with database.writing() as session:
        assert jobs.request_pause(session, lease.job_id).status == JobStatus.RUNNING
        assert leases.wish(session, lease) is Wish.PAUSE


def test_a_job_that_was_asked_to_pause_is_paused_when_its_runner_lets_go(database: Database, spec: JobSpec) -> None:
    lease = running(database, spec)

    with database.writing() as session:
        jobs.request_pause(session, lease.job_id)
        leases.give_back(session, lease, "saved")

    with database.reading() as session:
        assert jobs.get(session, lease.job_id).status == JobStatus.PAUSED


def test_a_job_whose_runner_is_lost_while_it_pauses_is_paused(database: Database, spec: JobSpec) -> None:
    lease = running(database, spec)

    with database.writing() as session:
        jobs.request_pause(session, lease.job_id)
        leases.charge(session, lease, "lost")

    with database.reading() as session:
        assert jobs.get(session, lease.job_id).status == JobStatus.PAUSED


def test_a_job_that_is_being_checked_cannot_be_paused(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        job_id = inspections.submit(session, spec).id

    with database.writing() as session, pytest.raises(NotPausable, match="validating"):
        jobs.request_pause(session, job_id)


def test_a_job_that_is_being_saved_cannot_be_paused(database: Database, spec: JobSpec) -> None:
    lease = running(database, spec)

    with database.writing() as session:
        leases.write(session, lease, phase="saving")

    with database.writing() as session, pytest.raises(NotPausable, match="saving"):
        jobs.request_pause(session, lease.job_id)


def test_a_resumed_job_is_queued(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, spec)

    with database.writing() as session:
        jobs.request_pause(session, job_id)
        job = jobs.resume(session, job_id)

    assert (job.status, job.pause_requested_at) == (JobStatus.QUEUED, None)


def test_resuming_withdraws_a_pause_that_has_not_come_about(database: Database, spec: JobSpec) -> None:
    lease = running(database, spec)

    with database.writing() as session:
        jobs.request_pause(session, lease.job_id)
        assert jobs.resume(session, lease.job_id).status == JobStatus.RUNNING
        assert leases.wish(session, lease) is None


def test_only_a_paused_job_can_be_resumed(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, spec)

    with database.writing() as session, pytest.raises(NotPaused, match="queued"):
        jobs.resume(session, job_id)


def test_a_paused_job_is_cancelled_at_once(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, spec)

    with database.writing() as session:
        jobs.request_pause(session, job_id)
        assert jobs.request_cancel(session, job_id).status == JobStatus.CANCELLED


def test_a_retried_job_has_new_budgets(database: Database, spec: JobSpec) -> None:
    job_id = failed(database, spec)

    with database.writing() as session:
        job = jobs.retry(session, job_id)

    assert (job.status, job.infra_failures, job.failure_code, job.finished_at) == (JobStatus.QUEUED, 0, None, None)


def test_the_run_time_before_a_retry_does_not_count(database: Database, spec: JobSpec) -> None:
    job_id = failed(database, spec)

    with database.writing() as session:
        session.execute(update(Attempt).values(started_at=from_now(-3600)))
        before = leases.seconds_spent(session, Lease(job_id, 3, ""))
        jobs.retry(session, job_id)
    lease = claimed(database)

    assert before > 3600
    with database.reading() as session:
        assert leases.seconds_spent(session, lease) == 0


def test_a_retried_job_that_was_cancelled_is_not_asked_to_end_any_more(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, spec)

    with database.writing() as session:
        jobs.request_cancel(session, job_id)
        jobs.retry(session, job_id)

    with database.reading() as session:
        assert leases.wish(session, claimed(database)) is None


def test_a_retried_job_that_was_refused_is_checked_again(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        job_id = inspections.submit(session, spec).id
        refused = Problem(code=FailureCode.BASE_MODEL_UNUSABLE, message="none")
        pass_inspection(session, JobReport(is_valid=False, problem=refused))
        assert jobs.retry(session, job_id).status == JobStatus.VALIDATING
        pass_inspection(session)

    with database.reading() as session:
        assert jobs.get(session, job_id).status == JobStatus.QUEUED


def test_a_job_whose_file_was_deleted_is_not_retried(database: Database, spec: JobSpec) -> None:
    job_id = failed(database, spec)
    with database.writing() as session:
        stored_files.delete(session, spec.train_dataset)

    with pytest.raises(DatasetNotFound), database.writing() as session:
        jobs.retry(session, job_id)

    with database.reading() as session:
        assert jobs.get(session, job_id).status == JobStatus.FAILED


def test_a_waiting_job_cannot_be_retried(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, spec)

    with database.writing() as session, pytest.raises(NotRetriable, match="queued"):
        jobs.retry(session, job_id)


def test_a_running_job_is_asked_to_stop_and_save(database: Database, spec: JobSpec) -> None:
    lease = running(database, spec)

    with database.writing() as session:
        jobs.request_finish(session, lease.job_id)
        assert leases.wish(session, lease) is Wish.FINISH


def test_a_paused_job_is_queued_to_be_saved(database: Database, spec: JobSpec) -> None:
    lease = running(database, spec)

    with database.writing() as session:
        jobs.request_pause(session, lease.job_id)
        leases.give_back(session, lease, "saved")
        job = jobs.request_finish(session, lease.job_id)

    assert (job.status, job.finish_requested_at is not None) == (JobStatus.QUEUED, True)


def test_a_job_that_never_ran_has_nothing_to_save(database: Database, spec: JobSpec) -> None:
    job_id = submit(database, spec)

    with database.writing() as session, pytest.raises(NothingToSave, match="trained nothing"):
        jobs.request_finish(session, job_id)


def test_cancelling_is_more_urgent_than_anything_else_that_was_asked(database: Database, spec: JobSpec) -> None:
    lease = running(database, spec)

    with database.writing() as session:
        jobs.request_finish(session, lease.job_id)
        jobs.request_pause(session, lease.job_id)
        jobs.request_cancel(session, lease.job_id)
        assert leases.wish(session, lease) is Wish.CANCEL


def test_a_job_keeps_the_commit_that_was_found_for_its_hub_model(database: Database, spec: JobSpec) -> None:
    commit = "a" * 40
    with database.writing() as session:
        job_id = inspections.submit(session, spec.model_copy(update={"revision": "main"})).id
        pass_inspection(session, JobReport(is_valid=True, base_commit=commit))

    with database.reading() as session:
        assert trained_models.revision_of(jobs.get(session, job_id)) == commit
