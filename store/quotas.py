"""What a project has used, and what it may use."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from store import projects, sharing
from store.clock import from_now
from store.database import owner
from store.file_tables import StoredFile, Upload, UploadPart, UploadStatus
from store.lifecycle import JobStatus
from store.project_tables import Project, UsedHours
from store.tables import Artifact, Attempt, Checkpoint, Job

_WAITING = (JobStatus.VALIDATING, JobStatus.QUEUED)


class QuotaExceeded(Exception):
    """The project may not have more of something."""

    def __init__(self, what: str, used: float, limit: float) -> None:
        super().__init__(
            f"the project has {used:g} {what} of the {limit:g} that it may have; wait, delete some, or ask for more"
        )


@dataclass(frozen=True)
class DayUsed:
    """What attempts that ended on a day had used of slots."""

    day: date
    gpu_hours: float
    num_attempts: int


@dataclass(frozen=True)
class Usage:
    """What a project has and has used."""

    project: Project
    num_queued_jobs: int
    num_running_jobs: int
    gpu_hours: float
    """In the last 30 days, those of running jobs with them; a place on a CPU counts as a GPU."""
    storage_bytes: int
    """Of files that were uploaded, of parts of those that are not complete, of checkpoints and artifacts."""
    days: Sequence[DayUsed]


def usage(session: Session, project_id: str) -> Usage:
    """What the project has and has used.

    Raises:
        ProjectNotFound: There is none.
    """
    days = [DayUsed(row.day, row.slot_seconds / 3600, row.num_attempts) for row in session.scalars(_days(project_id))]
    return Usage(
        project=projects.get(session, project_id),
        num_queued_jobs=_num_jobs(session, project_id, *_WAITING),
        num_running_jobs=_num_jobs(session, project_id, JobStatus.RUNNING),
        gpu_hours=_gpu_hours(session, project_id),
        storage_bytes=_storage_bytes(session, project_id),
        days=days,
    )


def check_submission(session: Session) -> None:
    """Whether the session's project may submit one more job.

    Raises:
        QuotaExceeded: It may not.
    """
    project = projects.get(session, owner(session))
    if project.max_queued_jobs is not None:
        projects.hold(session, project.id)  # one submits at a time
        _demand("waiting jobs", _num_jobs(session, project.id, *_WAITING), project.max_queued_jobs)
    if project.max_gpu_hours is not None:
        _demand("GPU hours in 30 days", round(_gpu_hours(session, project.id), 2), project.max_gpu_hours)
    if project.max_storage_bytes is not None:
        _demand("bytes of storage", _storage_bytes(session, project.id), project.max_storage_bytes)


def upload_room(session: Session, most_bytes: int) -> int:
    """Bytes that a file may have which the session's project uploads now, at most `most_bytes`.

    Raises:
        QuotaExceeded: None at all.
    """
    project = projects.get(session, owner(session))
    room = min(most_bytes, most_bytes if project.max_upload_bytes is None else project.max_upload_bytes)
    if project.max_storage_bytes is None:
        return room
    stored_bytes = _storage_bytes(session, project.id)
    _demand("bytes of storage", stored_bytes, project.max_storage_bytes)
    return min(room, project.max_storage_bytes - stored_bytes)


def _demand(what: str, used: float, limit: float) -> None:
    if used >= limit:
        raise QuotaExceeded(what, used, limit)


def _num_jobs(session: Session, project_id: str, *statuses: JobStatus) -> int:
    counted = select(sharing.num_jobs(*statuses)).select_from(Project).where(Project.id == project_id)
    return session.scalar(counted) or 0


def _gpu_hours(session: Session, project_id: str) -> float:
    """Of attempts that have ended, and of those that run so far."""
    used = select(sharing.used_seconds(sharing.LIMIT_DAYS)).select_from(Project).where(Project.id == project_id)
    running = select(Attempt.started_at, Attempt.slots, from_now().label("now")).join(Job, Attempt.job_id == Job.id)
    held = running.where(Job.project_id == project_id, Job.status == JobStatus.RUNNING, Attempt.number == Job.attempt)
    seconds: float = sum(
        (row.now - row.started_at).total_seconds() * max(1, len(row.slots)) for row in session.execute(held)
    )
    return (float(session.scalar(used) or 0.0) + seconds) / 3600


def _storage_bytes(session: Session, project_id: str) -> int:
    of_files = _sum(StoredFile.num_bytes).where(StoredFile.project_id == project_id, StoredFile.job_id.is_(None))
    of_jobs = (
        _sum(table.num_bytes).join(Job, Job.id == table.job_id).where(Job.project_id == project_id)
        for table in (Checkpoint, Artifact)
    )
    of_uploads = _sum(UploadPart.num_bytes).join(Upload, Upload.id == UploadPart.upload_id)
    of_uploads = of_uploads.where(Upload.project_id == project_id, Upload.status == UploadStatus.PENDING)
    return sum(int(session.scalar(one) or 0) for one in (of_files, of_uploads, *of_jobs))


def _sum(column: InstrumentedAttribute[int]) -> Select[int]:
    return select(func.coalesce(func.sum(column), 0))


def _days(project_id: str) -> Select[UsedHours]:
    since = func.date(from_now(-86_400 * sharing.LIMIT_DAYS))
    return select(UsedHours).where(UsedHours.project_id == project_id, UsedHours.day >= since).order_by(UsedHours.day)
