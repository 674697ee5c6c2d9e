"""Jobs as their owners see them."""

import pytest

from store import jobs, leases
from store.database import Database
from store.datasets import DatasetNotFound
from store.jobs import JobAlreadyEnded, JobNotFound
from store.lifecycle import JobStatus
from tests.unit.queued import submit_queued
from trainer_core.contract.spec import JobSpec


def submit(database: Database, spec: JobSpec, **changes: object) -> str:
    with database.writing() as session:
        return submit_queued(session, spec.model_copy(update=changes)).id


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
        assert not jobs.page(session, status=None, base_model=None, after=None, limit=10)


def test_an_unknown_job_is_not_found(database: Database) -> None:
    with database.reading() as session, pytest.raises(JobNotFound, match="ftjob-none"):
        jobs.get(session, "ftjob-none")


def test_a_page_goes_on_behind_the_one_before(database: Database, spec: JobSpec) -> None:
    submitted = sorted((submit(database, spec) for _ in range(3)), reverse=True)

    with database.reading() as session:
        first = jobs.page(session, status=None, base_model=None, after=None, limit=2)
        second = jobs.page(session, status=None, base_model=None, after=first[-1].id, limit=2)

    assert [job.id for job in (*first, *second)] == submitted


def test_a_page_can_be_of_one_status(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    cancelled = submit(database, spec)
    with database.writing() as session:
        jobs.request_cancel(session, cancelled)

    with database.reading() as session:
        found = jobs.page(session, status=JobStatus.CANCELLED, base_model=None, after=None, limit=10)

    assert [job.id for job in found] == [cancelled]


def test_a_page_can_be_of_one_base_model(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    other = submit(database, spec, base_model="another/model")

    with database.reading() as session:
        found = jobs.page(session, status=None, base_model="another/model", after=None, limit=10)

    assert [job.id for job in found] == [other]


def test_queue_positions_follow_priority_and_then_age(database: Database, spec: JobSpec) -> None:
    first, second = submit(database, spec), submit(database, spec)
    urgent = submit(database, spec, priority=5)

    with database.reading() as session:
        places = jobs.queue_positions(session, [jobs.get(session, one) for one in (first, second, urgent)])

    assert places == {urgent: 1, first: 2, second: 3}


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
