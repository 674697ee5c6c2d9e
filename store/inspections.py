"""What is found out about jobs before they train: asked for, claimed by a worker's CPU slot, answered once.

Finding out twice is harmless, so a claim is only a time until which nobody else begins. A submitted job is moved by the
answer: into the queue, or to its end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from sqlalchemy import JSON, ColumnElement, delete, insert, select, true, type_coerce, update
from sqlalchemy.orm import Session

from store import ids, jobs, quotas
from store.clock import from_now
from store.database import owner, touched
from store.lifecycle import JobStatus
from store.tables import Inspection, Job
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.report import JobReport, Problem
from trainer_core.contract.spec import JobSpec

MAX_ATTEMPTS = 3
"""Times that finding out may break down before the job is given up."""
_AGAIN_SECONDS = 5
_KEPT_SECONDS = 24 * 3600.0
"""How long a report that belongs to no job can be read."""
_NUM_PACES = 10
"""Earlier jobs that tell how fast this service is."""
FLOPS = type_coerce(Inspection.report, JSON)["estimate", "flops"].as_float()
"""Operations that a report estimates, in SQL: whole reports are long."""


class InspectionNotFound(Exception):
    """Nothing was asked for under this id."""

    def __init__(self, inspection_id: str) -> None:
        super().__init__(f"no report has the id {inspection_id!r}; one without a job is kept for a day")


class ReportNotReady(Exception):
    """The job's rows are still being checked."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job {job_id} is still being checked; its report is there once it is queued")


@dataclass(frozen=True)
class Claim:
    """The right to find out, until its time has run out."""

    inspection_id: str
    attempt: int
    project_id: str
    spec: JobSpec
    job_id: str | None
    """None if it is of no job yet."""
    traceparent: str | None
    """Of the request that has submitted that job."""


def request(session: Session, spec: JobSpec) -> str:
    """Ask for a report about a job that is not submitted; its id."""
    jobs.check_datasets(session, spec)
    return _ask(session, spec, None)


def submit(session: Session, spec: JobSpec, traceparent: str | None = None) -> Job:
    """Submit a job: it is queued once its rows and its model have been found to fit.

    Args:
        session: Of the project that submits it.
        spec: What to train.
        traceparent: Of the request, if it belongs to a trace.

    Raises:
        DatasetNotFound: The spec names a dataset that was never uploaded.
        QuotaExceeded: The project may not have more jobs, hours or bytes.
    """
    quotas.check_submission(session)
    job = jobs.submit(session, spec, traceparent)
    _ask(session, spec, job.id)
    return job


def refuse(session: Session, spec: JobSpec, report: JobReport) -> Job:
    """Submit a job of which it is known already that it cannot run: it fails at once, for its owner to read why.

    Raises:
        QuotaExceeded: The project may not have more jobs, hours or bytes.
    """
    quotas.check_submission(session)
    job = jobs.record(session, spec)
    _ask(session, spec, job.id)
    session.execute(update(Inspection).where(Inspection.job_id == job.id).values(report=report, finished_at=from_now()))
    jobs.leave_validating(session, job.id, report)
    return jobs.get(session, job.id)


def reports(session: Session, job_ids: Sequence[str]) -> Mapping[str, JobReport]:
    """The reports of jobs that have one."""
    rows = session.execute(select(Inspection.job_id, Inspection.report).where(Inspection.job_id.in_(job_ids)))
    return {row.job_id: row.report for row in rows if row.report is not None}


def _ask(session: Session, spec: JobSpec, job_id: str | None) -> str:
    inspection_id = ids.report_id()
    session.execute(
        insert(Inspection).values(
            id=inspection_id,
            project_id=owner(session),
            job_id=job_id,
            spec=spec,
            attempt=0,
            claimed_until=from_now(),
            created_at=from_now(),
        )
    )
    return inspection_id


def get(session: Session, inspection_id: str) -> Inspection:
    """What was asked for under this id, and its report if it is there.

    Raises:
        InspectionNotFound: Nothing was.
    """
    inspection = session.get(Inspection, inspection_id, populate_existing=True)
    if inspection is None:
        raise InspectionNotFound(inspection_id)
    return inspection


def of_job(session: Session, job_id: str) -> JobReport:
    """The report of a job.

    Raises:
        JobNotFound: There is no such job.
        ReportNotReady: It is still being checked.
    """
    jobs.get(session, job_id)
    report = session.scalar(select(Inspection.report).where(Inspection.job_id == job_id))
    if report is None:
        raise ReportNotReady(job_id)
    return report


def claim(session: Session, seconds: float) -> Claim | None:
    """Take the oldest inspection that nobody is at; None if there is none. What broke down too often is ended."""
    while (claimed := _claimed(session, seconds)) is not None:
        if claimed.attempt <= MAX_ATTEMPTS:
            return claimed
        message = f"checking the job broke down {MAX_ATTEMPTS} times; read the worker's log"
        finish(session, claimed, _failed(message))
    return None


def _claimed(session: Session, seconds: float) -> Claim | None:
    oldest = (
        select(Inspection.id)
        .where(Inspection.finished_at.is_(None), Inspection.claimed_until <= from_now())
        .order_by(Inspection.created_at, Inspection.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    row = session.execute(
        update(Inspection)
        .where(Inspection.id == oldest, Inspection.finished_at.is_(None), Inspection.claimed_until <= from_now())
        .values(attempt=Inspection.attempt + 1, claimed_until=from_now(seconds))
        .returning(Inspection.id, Inspection.attempt, Inspection.project_id, Inspection.spec, Inspection.job_id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        return None
    traceparent = session.scalar(select(Job.traceparent).where(Job.id == row.job_id))
    return Claim(row.id, row.attempt, row.project_id, row.spec, row.job_id, traceparent)


def is_anything_due(session: Session) -> bool:
    """True if an inspection could be claimed now."""
    due = (Inspection.finished_at.is_(None), Inspection.claimed_until <= from_now())
    return session.scalar(select(Inspection.id).where(*due).limit(1)) is not None


def renew(session: Session, claim: Claim, seconds: float) -> bool:
    """Keep a claim for `seconds` from now; False if nobody wants the answer any more, or somebody else is at it."""
    return _write(session, claim, claimed_until=from_now(seconds)) == 1


def give_back(session: Session, claim: Claim, *, is_charged: bool) -> None:
    """Let another try: soon, counted against the budget, if it broke down; at once if this worker stops."""
    if is_charged:
        _write(session, claim, claimed_until=from_now(_AGAIN_SECONDS))
    else:
        _write(session, claim, claimed_until=from_now(), attempt=claim.attempt - 1)


def finish(session: Session, claim: Claim, report: JobReport) -> None:
    """Write the report and move the job, unless somebody else has, or the job was cancelled meanwhile."""
    if claim.job_id is not None:
        jobs.hold(session, claim.job_id)  # before its inspection, as whoever cancels it takes them
    if _write(session, claim, report=report, finished_at=from_now()) == 1 and claim.job_id is not None:
        jobs.leave_validating(session, claim.job_id, report)


def forget_old(session: Session) -> None:
    """Delete reports that belong to no job and were read long ago, if ever."""
    session.execute(
        delete(Inspection).where(Inspection.job_id.is_(None), Inspection.created_at < from_now(-_KEPT_SECONDS))
    )


def seconds_at_pace(session: Session, base_model: str, flops: float) -> float | None:
    """How long so many operations take at the pace of earlier jobs."""
    pace = pace_of(session, base_model)
    return None if pace is None else flops / pace


def pace_of(session: Session, base_model: str) -> float | None:
    """Operations a second of jobs that have succeeded, those on the same base model if any."""
    paces = _paces(session, Job.base_model == base_model) or _paces(session, true())
    return median(paces) if paces else None


def _paces(session: Session, among: ColumnElement[bool]) -> list[float]:
    """Operations a second of the newest jobs that succeeded at once."""
    statement = (
        select(FLOPS, Job.progress)
        .join(Job, Inspection.job_id == Job.id)
        .where(Job.status == JobStatus.SUCCEEDED, Job.attempt == 1, among)
        .order_by(Job.id.desc())
        .limit(_NUM_PACES)
    )
    found = session.execute(statement)
    return [flops / progress.elapsed_seconds for flops, progress in found if flops is not None and progress]


def _write(session: Session, claim: Claim, **values: object) -> int:
    held = (Inspection.id == claim.inspection_id, Inspection.attempt == claim.attempt, Inspection.finished_at.is_(None))
    return touched(session, update(Inspection).where(*held).values(**values))


def _failed(message: str) -> JobReport:
    return JobReport(is_valid=False, problem=Problem(code=FailureCode.INFRA_EXHAUSTED, message=message))
