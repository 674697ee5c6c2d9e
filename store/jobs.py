"""Jobs as their owners see them: submitted, found, listed, asked to end."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from store import datasets, events, ids
from store.clock import from_now
from store.database import touched
from store.lifecycle import ENDED, JobStatus, sources
from store.tables import Inspection, Job
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import JobSpec

CLAIM_ORDER = (Job.priority.desc(), Job.queued_at, Job.id)
"""Higher priority first, then whoever has waited longer."""


class JobNotFound(Exception):
    """No job has this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job has the id {job_id!r}")


class JobAlreadyEnded(Exception):
    """The job has ended, so that there is nothing to ask of it."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.id} has already ended: it is {job.status}")


def submit(session: Session, spec: JobSpec) -> Job:
    """Record a job whose rows are still to be checked.

    Raises:
        DatasetNotFound: The spec names a dataset that was never uploaded.
    """
    check_datasets(session, spec)
    job_id = ids.job_id()
    session.execute(
        insert(Job).values(
            id=job_id,
            status=JobStatus.VALIDATING,
            spec=spec,
            base_model=spec.base_model,
            priority=spec.priority,
            not_before=from_now(),
            created_at=from_now(),
        )
    )
    events.record(session, job_id, 0, "job_submitted", "Job submitted; its rows are being checked")
    return get(session, job_id)


def check_datasets(session: Session, spec: JobSpec) -> None:
    """Raise `DatasetNotFound` if the spec names a dataset that was never uploaded."""
    for reference in dataset_ids(spec):
        datasets.get(session, reference)


def dataset_ids(spec: JobSpec) -> tuple[str, ...]:
    """Ids of the datasets that a spec names."""
    return (spec.train_dataset, *([spec.eval_dataset] if isinstance(spec.eval_dataset, str) else []))


def leave_validating(session: Session, job_id: str, report: JobReport) -> None:
    """Queue a job that was found to fit, end one that was not; one that was cancelled meanwhile stays so."""
    problem = report.problem
    if problem is None:
        values: dict[str, Any] = {"status": JobStatus.QUEUED, "queued_at": from_now(), "not_before": from_now()}
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
        events.record(session, job_id, 0, f"job_{values['status']}", message)


def get(session: Session, job_id: str) -> Job:
    """The job with this id, as it is now.

    Raises:
        JobNotFound: There is none.
    """
    job = session.get(Job, job_id, populate_existing=True)
    if job is None:
        raise JobNotFound(job_id)
    return job


def page(
    session: Session, *, status: JobStatus | None, base_model: str | None, after: str | None, limit: int
) -> Sequence[Job]:
    """Jobs older than the job `after`, newest first."""
    statement = select(Job).order_by(Job.id.desc()).limit(limit)
    if status is not None:
        statement = statement.where(Job.status == status)
    if base_model is not None:
        statement = statement.where(Job.base_model == base_model)
    if after is not None:
        statement = statement.where(Job.id < after)
    return session.scalars(statement).all()


def queue_positions(session: Session, among: Iterable[Job]) -> dict[str, int]:
    """For each waiting job its place in the queue, in the order in which jobs are claimed; 1 starts next."""
    waiting = [job.id for job in among if job.status == JobStatus.QUEUED]
    if not waiting:
        return {}
    place = func.row_number().over(order_by=CLAIM_ORDER).label("place")
    queue = select(Job.id, place).where(Job.status == JobStatus.QUEUED).subquery()
    rows = session.execute(select(queue.c.id, queue.c.place).where(queue.c.id.in_(waiting)))
    return {row.id: row.place for row in rows}


def request_cancel(session: Session, job_id: str) -> Job:
    """End a waiting job at once; ask the runner of a running one to end it. Asking twice changes nothing.

    Raises:
        JobNotFound: There is no such job.
        JobAlreadyEnded: It succeeded, failed or was cancelled before.
    """
    if _cancel_waiting(session, job_id):
        events.record(session, job_id, get(session, job_id).attempt, "job_cancelled", "Job cancelled while it waited")
    elif _ask_running(session, job_id):
        events.record(session, job_id, get(session, job_id).attempt, "cancel_requested", "Cancelling was asked for")
    job = get(session, job_id)
    if job.status in ENDED - {JobStatus.CANCELLED}:
        raise JobAlreadyEnded(job)
    return job


def _cancel_waiting(session: Session, job_id: str) -> bool:
    waiting = sources(JobStatus.CANCELLED) - {JobStatus.RUNNING}
    statement = (
        update(Job)
        .where(Job.id == job_id, Job.status.in_(waiting))
        .values(status=JobStatus.CANCELLED, finished_at=from_now(), cancel_requested_at=from_now())
    )
    unasked = update(Inspection).where(Inspection.job_id == job_id, Inspection.finished_at.is_(None))
    session.execute(unasked.values(finished_at=from_now()))
    return touched(session, statement) == 1


def _ask_running(session: Session, job_id: str) -> bool:
    statement = (
        update(Job)
        .where(Job.id == job_id, Job.status == JobStatus.RUNNING, Job.cancel_requested_at.is_(None))
        .values(cancel_requested_at=from_now())
    )
    return touched(session, statement) == 1
