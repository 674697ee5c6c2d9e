"""Finding out about jobs: claimed by one, answered once, and what the answer does to the job."""

import pytest

from store import events, inspections, jobs, leases, listing
from store.database import Database
from store.datasets import DatasetNotFound
from store.inspections import MAX_ATTEMPTS, Claim, InspectionNotFound, ReportNotReady
from store.lifecycle import JobStatus
from store.progress import Progress
from tests.unit.queued import ESTIMATE, submit_queued
from trainer_core.contract.dataset import DatasetFault
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.report import JobReport, Problem
from trainer_core.contract.spec import JobSpec

VALID = JobReport(is_valid=True, warnings=("2 of 9 training rows repeat another one",))
FAULT = DatasetFault(code="too_long", line=3, detail="99 tokens")
INVALID = JobReport(
    is_valid=False, problem=Problem(code=FailureCode.INVALID_DATASET, message="line 3: 99 tokens", faults=(FAULT,))
)

PROGRESS = Progress(
    step=1, total_steps=1, epoch=1.0, loss=1.0, learning_rate=0.1, elapsed_seconds=20.0, remaining_seconds=0.0
)


@pytest.fixture
def job_id(database: Database, spec: JobSpec) -> str:
    with database.writing() as session:
        return inspections.submit(session, spec).id


def claim(database: Database, seconds: float = 60) -> Claim | None:
    with database.writing() as session:
        return inspections.claim(session, seconds)


def claimed(database: Database, seconds: float = 60) -> Claim:
    found = claim(database, seconds)
    assert found is not None
    return found


def finish(database: Database, held: Claim, report: JobReport) -> None:
    with database.writing() as session:
        inspections.finish(session, held, report)


def status(database: Database, job_id: str) -> JobStatus:
    with database.reading() as session:
        return jobs.get(session, job_id).status


def test_a_job_that_fits_is_queued(database: Database, job_id: str) -> None:
    finish(database, claimed(database), VALID)

    with database.reading() as session:
        job = jobs.get(session, job_id)
    assert (job.status, job.queued_at is not None) == (JobStatus.QUEUED, True)


def test_a_job_that_does_not_fit_ends_with_its_faults(database: Database, job_id: str) -> None:
    finish(database, claimed(database), INVALID)

    with database.reading() as session:
        job = jobs.get(session, job_id)
    assert (job.status, job.failure_code, job.failure_faults) == (JobStatus.FAILED, "invalid_dataset", (FAULT,))
    assert job.finished_at is not None


def test_a_job_is_not_claimed_before_it_was_looked_at(database: Database, job_id: str) -> None:
    with database.writing() as session:
        assert leases.claim(session, worker="w", seconds=90) is None
    assert status(database, job_id) == JobStatus.VALIDATING


def test_a_job_that_was_cancelled_meanwhile_stays_so(database: Database, job_id: str) -> None:
    held = claimed(database)
    with database.writing() as session:
        jobs.request_cancel(session, job_id)

    finish(database, held, VALID)

    assert status(database, job_id) == JobStatus.CANCELLED


def test_nobody_goes_on_for_a_job_that_was_cancelled(database: Database, job_id: str) -> None:
    held = claimed(database)
    with database.writing() as session:
        jobs.request_cancel(session, job_id)

    with database.writing() as session:
        assert inspections.renew(session, held, 60) is False


def test_nobody_begins_for_a_job_that_was_cancelled(database: Database, job_id: str) -> None:
    with database.writing() as session:
        jobs.request_cancel(session, job_id)

    assert claim(database) is None


def test_what_is_claimed_is_not_claimed_again(database: Database, job_id: str) -> None:
    assert [claim(database) is not None for _ in range(2)] == [True, False]
    assert status(database, job_id) == JobStatus.VALIDATING


def test_a_claim_that_has_run_out_is_another_s(database: Database, job_id: str) -> None:
    first, second = claimed(database, -1), claimed(database)

    finish(database, first, INVALID)

    assert (second.attempt, status(database, job_id)) == (2, JobStatus.VALIDATING)


def test_the_oldest_is_looked_at_first(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        asked = [inspections.request(session, spec) for _ in range(3)]

    assert [claimed(database).inspection_id for _ in range(3)] == asked


def test_a_report_without_a_job_moves_none(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        inspection_id = inspections.request(session, spec)

    finish(database, claimed(database), VALID)

    with database.reading() as session:
        assert inspections.get(session, inspection_id).report == VALID
        assert not listing.page(session, base_model=None, after=None, limit=1)


def test_a_report_about_an_unknown_dataset_is_refused(database: Database, spec: JobSpec) -> None:
    with database.writing() as session, pytest.raises(DatasetNotFound):
        inspections.request(session, spec.model_copy(update={"train_dataset": "file-2"}))


def test_what_breaks_down_again_and_again_ends_the_job(database: Database, job_id: str) -> None:
    for _ in range(MAX_ATTEMPTS):
        claimed(database, -1)

    assert claim(database) is None
    with database.reading() as session:
        assert jobs.get(session, job_id).failure_code == "infra_exhausted"


def test_a_worker_that_stops_is_not_charged(database: Database, job_id: str) -> None:
    for _ in range(MAX_ATTEMPTS + 1):
        held = claimed(database)
        with database.writing() as session:
            inspections.give_back(session, held, is_charged=False)

    assert (held.attempt, status(database, job_id)) == (1, JobStatus.VALIDATING)


def test_a_report_that_is_not_there_yet_is_told(database: Database, job_id: str) -> None:
    with database.reading() as session, pytest.raises(ReportNotReady):
        inspections.of_job(session, job_id)


def test_an_unknown_report_is_not_found(database: Database) -> None:
    with database.reading() as session, pytest.raises(InspectionNotFound):
        inspections.get(session, "report-none")


def test_warnings_are_told_as_an_event(database: Database, job_id: str) -> None:
    finish(database, claimed(database), VALID)

    with database.reading() as session:
        *_, last = events.after(session, job_id, 0, 10)
    assert (last.type, last.message) == ("job_queued", f"Job checked and queued; {VALID.warnings[0]}")


def test_time_is_told_at_the_pace_of_an_earlier_job(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        inspections.submit(session, spec)
    finish(database, claimed(database), JobReport(is_valid=True, estimate=ESTIMATE))
    with database.writing() as session:
        lease = leases.claim(session, worker="w", seconds=90)
        assert lease is not None
        leases.write(session, lease, progress=PROGRESS)
        leases.succeed(session, lease)

    with database.reading() as session:
        assert inspections.seconds_at_pace(session, spec.base_model, 3 * ESTIMATE.flops) == 3 * PROGRESS.elapsed_seconds


def test_without_earlier_jobs_no_time_is_told(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        submit_queued(session, spec)

        assert inspections.seconds_at_pace(session, "starter", 1e9) is None
