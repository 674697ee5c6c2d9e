"""Jobs as their owners see them: submitted, found, asked to end."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from store import datasets, events, ids, trackings, workers
from store.clock import from_now
from store.database import owner, touched
from store.file_tables import StoredFile
from store.lifecycle import ENDED, JobStatus, sources
from store.tables import Inspection, Job
from trainer_core.contract.events import Phase
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import SWEEP, JobSpec

_WAITING = {"queued_at": from_now(), "not_before": from_now()}
"""Of a job that joins the queue."""
_AFRESH: Mapping[str, Any] = {
    "finished_at": None,
    "failure_code": None,
    "failure_message": None,
    "failure_faults": None,
    "cancel_requested_at": None,
    "pause_requested_at": None,
    "finish_requested_at": None,
    "infra_failures": 0,
    "first_attempt": Job.attempt + 1,
}
"""Of a job that is tried again."""


class JobNotFound(Exception):
    """No job has this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job has the id {job_id!r}")


class JobAlreadyEnded(Exception):
    """The job has ended, so that there is nothing to ask of it."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} has already ended: it is {job.status}")


class NotPausable(Exception):
    """The job is not at work, or about to be done."""

    def __init__(self, job: Job) -> None:
        where = f"{job.status} ({job.phase})" if job.phase else job.status
        super().__init__(f"job {job.id} is {where}: only a job that waits or trains can be paused")


class NotPaused(Exception):
    """There is nothing to resume."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} is {job.status}: only a paused job can be resumed")


class NotRetriable(Exception):
    """The job has not ended without success."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} is {job.status}: only a failed or cancelled job can be retried")


class NothingToSave(Exception):
    """The job has trained nothing yet."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} is {job.status} and has trained nothing yet: cancel it instead")


def submit(session: Session, spec: JobSpec, traceparent: str | None = None) -> Job:
    """Record a job whose rows are still to be checked.

    Raises:
        DatasetNotFound: The spec names a dataset that was never uploaded.
    """
    check_datasets(session, spec)
    return record(session, spec, traceparent)


def record(session: Session, spec: JobSpec, traceparent: str | None = None) -> Job:
    """Record a job, whatever its spec names."""
    job_id = ids.job_id()
    session.execute(
        insert(Job).values(
            id=job_id,
            project_id=owner(session),
            status=JobStatus.VALIDATING,
            spec=spec,
            base_model=spec.base_model,
            sweep=spec.metadata.get(SWEEP),
            priority=spec.priority,
            num_gpus=None if spec.resources.gpus == "auto" else spec.resources.gpus,
            traceparent=traceparent,
            not_before=from_now(),
            created_at=from_now(),
        )
    )
    trackings.begin(session, job_id, spec)
    events.record(session, job_id, 0, "job_submitted", "Job submitted; its rows are being checked")
    return get(session, job_id)


def check_datasets(session: Session, spec: JobSpec) -> None:
    """Raise `DatasetNotFound` if the spec names a dataset that was never uploaded, or is gone.

    Until the session ends, none of them can be deleted.
    """
    named = dataset_ids(spec)
    session.execute(select(StoredFile.id).where(StoredFile.id.in_(named)).with_for_update(read=True))
    for reference in named:
        datasets.get(session, reference)


def dataset_ids(spec: JobSpec) -> tuple[str, ...]:
    """Ids of the datasets that a spec names."""
    return (spec.train_dataset, *([spec.eval_dataset] if isinstance(spec.eval_dataset, str) else []))


def leave_validating(session: Session, job_id: str, report: JobReport) -> None:
    """Queue a job that was found to fit, end one that was not; one that was cancelled meanwhile stays so."""
    problem = report.problem
    if problem is None:
        device_bytes = report.estimate.memory.least_bytes if report.estimate else 0
        values: dict[str, Any] = {"status": JobStatus.QUEUED, "device_bytes": device_bytes, **_WAITING}
        values["base_commit"] = report.base_commit
        message = "; ".join(["Job checked and queued", *report.warnings])
    else:
        values = {
            "status": JobStatus.FAILED,
            "finished_at": from_now(),
            "failure_code": problem.code,
            "failure_message": problem.message,
            "failure_faults": problem.faults or None,
        }
        message = f"Job refused: {problem.message}"
    moved = update(Job).where(Job.id == job_id, Job.status == JobStatus.VALIDATING).values(**values)
    if touched(session, moved) == 1:
        if problem is None and workers.none_fits(session, job_id):
            message += f"; no worker that is there could run it: {_needs(get(session, job_id))}"
        data = {"failure_code": problem.code} if problem else {}
        events.record(session, job_id, 0, f"job_{values['status']}", message, data)


def _needs(job: Job) -> str:
    where = "the CPU" if job.num_gpus == 0 else f"{job.num_gpus or 'at most one'} GPU(s)"
    return f"it needs {where} with {job.device_bytes / 1e9:.1f} GB of memory"


def get(session: Session, job_id: str) -> Job:
    """The job with this id, as it is now.

    Raises:
        JobNotFound: There is none.
    """
    job = session.get(Job, job_id, populate_existing=True)
    if job is None:
        raise JobNotFound(job_id)
    return job


def hold(session: Session, job_id: str) -> None:
    """Have whoever else moves a job, or tells something of it, wait until the commit."""
    session.execute(select(Job.id).where(Job.id == job_id).with_for_update(key_share=True))


def request_cancel(session: Session, job_id: str) -> Job:
    """End a waiting job at once; ask the runner of a running one to end it. Asking twice changes nothing.

    Raises:
        JobNotFound: There is no such job.
        JobAlreadyEnded: It succeeded, failed or was cancelled before.
    """
    waiting = sources(JobStatus.CANCELLED) - {JobStatus.RUNNING}
    if _move(session, job_id, JobStatus.CANCELLED, waiting, finished_at=from_now(), cancel_requested_at=from_now()):
        unasked = update(Inspection).where(Inspection.job_id == job_id, Inspection.finished_at.is_(None))
        session.execute(unasked.values(finished_at=from_now()))
        _tell(session, job_id, "job_cancelled", "Job cancelled while it waited")
    elif _ask(session, job_id, Job.cancel_requested_at):
        _tell(session, job_id, "cancel_requested", "Cancelling was asked for")
    job = get(session, job_id)
    if job.status in ENDED - {JobStatus.CANCELLED}:
        raise JobAlreadyEnded(job)
    return job


def request_pause(session: Session, job_id: str) -> Job:
    """Let a queued job wait at once; ask the runner of a running one to save and free its slot.

    Raises:
        JobNotFound: There is no such job.
        NotPausable: It neither waits nor trains.
    """
    if _move(session, job_id, JobStatus.PAUSED, {JobStatus.QUEUED}, pause_requested_at=from_now()):
        _tell(session, job_id, "job_paused", "Job paused while it waited")
    elif _ask(session, job_id, Job.pause_requested_at, Job.phase.is_distinct_from(Phase.SAVING)):
        _tell(session, job_id, "pause_requested", "Pausing was asked for")
    job = get(session, job_id)
    if job.pause_requested_at is None or job.status in ENDED:
        raise NotPausable(job)
    return job


def resume(session: Session, job_id: str) -> Job:
    """Queue a paused job; it goes on from its last checkpoint. A job that was only asked to pause goes on as it is.

    Raises:
        JobNotFound: There is no such job.
        NotPaused: It neither is paused nor was asked to.
    """
    if _move(session, job_id, JobStatus.QUEUED, {JobStatus.PAUSED}, **_WAITING, pause_requested_at=None):
        _tell(session, job_id, "job_queued", "Job resumed")
    elif _ask(session, job_id, Job.pause_requested_at, withdraws=True):
        _tell(session, job_id, "pause_withdrawn", "Pausing is not asked for any more")
    else:
        raise NotPaused(get(session, job_id))
    return get(session, job_id)


def retry(session: Session, job_id: str) -> Job:
    """Queue a failed or cancelled job again; it goes on from its last checkpoint, with new budgets.

    One that was never found to fit is checked once more first.

    Raises:
        JobNotFound: There is no such job.
        NotRetriable: It neither failed nor was cancelled.
        DatasetNotFound: What it was to learn from is gone.
    """
    unsuccessful = {JobStatus.FAILED, JobStatus.CANCELLED}
    if _move(session, job_id, JobStatus.QUEUED, unsuccessful, Job.queued_at.is_not(None), **_WAITING, **_AFRESH):
        _tell(session, job_id, "job_queued", "Job retried")
    elif _move(session, job_id, JobStatus.VALIDATING, unsuccessful, **_AFRESH):
        again = {"attempt": 0, "claimed_until": from_now(), "report": None, "finished_at": None}
        session.execute(update(Inspection).where(Inspection.job_id == job_id).values(**again))
        _tell(session, job_id, "job_validating", "Job retried; its rows are being checked")
    else:
        raise NotRetriable(get(session, job_id))
    trackings.reopen(session, job_id)
    job = get(session, job_id)
    check_datasets(session, job.spec)
    return job


def request_finish(session: Session, job_id: str) -> Job:
    """Have a job leave what it has trained so far as its artifact, and succeed; a paused one is queued for that.

    Raises:
        JobNotFound: There is no such job.
        JobAlreadyEnded: It has ended.
        NothingToSave: It has trained nothing yet.
    """
    asked = {"finish_requested_at": from_now()}
    has_begun = Job.attempt > 0
    if _ask(session, job_id, Job.finish_requested_at):
        _tell(session, job_id, "finish_requested", "Stopping and saving was asked for")
    elif _move(
        session, job_id, JobStatus.QUEUED, {JobStatus.PAUSED}, has_begun, **_WAITING, **asked, pause_requested_at=None
    ):
        _tell(session, job_id, "job_queued", "Stopping and saving was asked for; job queued for that")
    else:
        queued = update(Job).where(Job.id == job_id, Job.status == JobStatus.QUEUED, has_begun)
        session.execute(queued.values(**asked))
    job = get(session, job_id)
    if job.status in ENDED:
        raise JobAlreadyEnded(job)
    if job.finish_requested_at is None:
        raise NothingToSave(job)
    return job


def _move(
    session: Session,
    job_id: str,
    target: JobStatus,
    among: Collection[JobStatus],
    *conditions: ColumnElement[bool],
    **values: Any,
) -> bool:
    """Move a job that nobody holds; False if it is not where it would have to be."""
    there = (Job.id == job_id, Job.status.in_(among), *conditions)
    return touched(session, update(Job).where(*there).values(status=target, **values)) == 1


def _ask(
    session: Session,
    job_id: str,
    flag: InstrumentedAttribute[datetime | None],
    *conditions: ColumnElement[bool],
    withdraws: bool = False,
) -> bool:
    """Raise a flag on a running job, or take it down; False if it does not run or the flag is so already."""
    is_so = flag.is_not(None) if withdraws else flag.is_(None)
    there = (Job.id == job_id, Job.status == JobStatus.RUNNING, is_so, *conditions)
    changed = update(Job).where(*there).values({flag: None if withdraws else from_now()})
    return touched(session, changed) == 1


def _tell(session: Session, job_id: str, type_: str, message: str) -> None:
    events.record(session, job_id, get(session, job_id).attempt, type_, message)
