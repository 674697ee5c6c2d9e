"""How long what a project has is kept: what is due to go, and how it goes. Where a project says nothing, all is kept.

What another trained model stands on, or a job that has not ended, is never due. Rows go before bytes: what a row names
is there, and what a crash leaves without a row is an orphan, which is collected. Of a job's record, bytes go first.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, ColumnElement, and_, delete, exists, func, or_, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session

from store import artifacts, events, permissions, stored_files
from store.clock import from_now
from store.database import Database
from store.file_tables import Purpose, StoredFile, Submission
from store.files import Storage
from store.lifecycle import ENDED
from store.project_tables import Project
from store.stored_files import FileInUse, StoredFileNotFound
from store.tables import Artifact, Attempt, Checkpoint, Event, Inspection, Job, LogLine, Metric, MetricSpan
from store.tracking_tables import Tracking
from store.trained_models import ModelName
from store.webhook_tables import WebhookDelivery

MAX_DUE = 20
"""Jobs and datasets in one go: whoever collects has other work."""
_MAX_ROWS = 20_000
"""In one transaction: others write too."""
_DAY_SECONDS = 86_400


class Kept(StrEnum):
    """What is kept for so long."""

    ARTIFACTS = "artifacts"
    CHECKPOINTS = "checkpoints"
    LOGS = "logs"
    METRICS = "metrics"
    DATASETS = "datasets"
    JOBS = "jobs"


class Expired(Exception):
    """It was there, and was kept as long as the project says."""

    def __init__(self, job_id: str, kept: Kept, since: datetime) -> None:
        super().__init__(
            f"the {kept} of job {job_id} were deleted on {since:%Y-%m-%d}, as its project keeps them no longer"
        )


@dataclass(frozen=True)
class Due:
    """Something that is to go."""

    kept: Kept
    id: str
    """Of the job that has left it, or of the dataset."""
    num_bytes: int
    """On the storage."""


_DAYS: Mapping[Kept, InstrumentedAttribute[int | None]] = {
    Kept.ARTIFACTS: Project.keep_artifacts_days,
    Kept.CHECKPOINTS: Project.keep_checkpoints_days,
    Kept.LOGS: Project.keep_logs_days,
    Kept.METRICS: Project.keep_metrics_days,
    Kept.DATASETS: Project.keep_datasets_days,
    Kept.JOBS: Project.keep_jobs_days,
}
_ROWS: Mapping[Kept, Any] = {
    Kept.ARTIFACTS: Artifact,
    Kept.CHECKPOINTS: Checkpoint,
    Kept.LOGS: LogLine,
    Kept.METRICS: Metric,
}
"""Tables of what a job has left."""
_ON_STORAGE: tuple[Any, ...] = (Artifact, Checkpoint)
"""Those whose rows name bytes."""
_SOURCES = frozenset({Kept.ARTIFACTS, Kept.CHECKPOINTS, Kept.JOBS})
"""What other jobs may stand on."""


def due(session: Session, limit: int = MAX_DUE) -> list[Due]:
    """What is to go next."""
    needed = _needed(session)
    found = (one for kept in Kept for one in _due(session, kept, needed, limit))
    return list(islice(found, limit))


def retire(database: Database, storage: Storage, one: Due) -> None:
    """Have one thing go, unless it is needed again."""
    if one.kept is Kept.DATASETS:
        with database.writing() as session, suppress(FileInUse, StoredFileNotFound):
            stored_files.delete(session, one.id)  # its bytes follow, see `expiry`
    elif one.kept is Kept.JOBS:
        _forget_job(database, storage, one.id)
    else:
        _forget(database, storage, one.id, one.kept)


def demand_kept(session: Session, job_id: str, kept: Kept) -> None:
    """Tell whoever finds nothing that there was something.

    Raises:
        Expired: It has been deleted.
    """
    of_job = select(func.max(Event.created_at)).where(Event.job_id == job_id, Event.type == _event(kept))
    since = session.scalar(of_job)
    if since is not None:
        raise Expired(job_id, kept, since)


def collect(database: Database, storage: Storage) -> None:
    """Have the next few things go that are due."""
    with database.reading() as session:
        found = due(session)
    for one in found:
        retire(database, storage, one)


def _due(session: Session, kept: Kept, needed: set[str], limit: int) -> Iterator[Due]:
    policies = select(Project.id, func.coalesce(_DAYS[kept], 0)).where(_DAYS[kept].is_not(None)).order_by(Project.id)
    for project_id, days in session.execute(policies).all():
        if kept is Kept.DATASETS:
            yield from _unused_datasets(session, project_id, days, limit)
        else:
            yield from _left_by_jobs(session, kept, project_id, days, needed, limit)


def _left_by_jobs(
    session: Session, kept: Kept, project_id: str, days: int, needed: set[str], limit: int
) -> Iterator[Due]:
    has = [exists().where(_ROWS[kept].job_id == Job.id)] if kept in _ROWS else []
    ended = select(Job.id).where(Job.project_id == project_id, _ended_before(days), *has).order_by(Job.finished_at)
    passed_over = needed if kept in _SOURCES else set()
    found = session.scalars(ended.limit(limit + len(passed_over))).all()
    for job_id in [one for one in found if one not in passed_over][:limit]:
        yield Due(kept, job_id, _num_bytes(session, kept, job_id))


def _unused_datasets(session: Session, project_id: str, days: int, limit: int) -> Iterator[Due]:
    spec = type_coerce(Job.spec, JSON)
    lately = select(spec["train_dataset"].as_string(), spec["eval_dataset"].as_string()).where(
        Job.project_id == project_id, or_(Job.status.not_in(ENDED), Job.finished_at >= from_now(-days * _DAY_SECONDS))
    )
    used = {dataset_id for row in session.execute(lately) for dataset_id in row}
    old = select(StoredFile).where(
        StoredFile.project_id == project_id,
        StoredFile.purpose == Purpose.FINE_TUNE,
        StoredFile.created_at < from_now(-days * _DAY_SECONDS),
        StoredFile.expires_at.is_(None),
    )
    unused = (file for file in session.scalars(old.order_by(StoredFile.id)) if file.id not in used)
    for file in islice(unused, limit):
        yield Due(Kept.DATASETS, file.id, file.num_bytes)


def _ended_before(days: int) -> ColumnElement[bool]:
    return and_(Job.status.in_(ENDED), Job.finished_at < from_now(-days * _DAY_SECONDS))


def _needed(session: Session) -> set[str]:
    """Ids of the jobs whose models others stand on: jobs that have not ended, and models that are still there."""
    has_left = or_(*(exists().where(table.job_id == Job.id) for table in _ON_STORAGE))
    names = select(Job.base_model).where(Job.base_model.startswith("ft:"), or_(Job.status.not_in(ENDED), has_left))
    return {ModelName.parse(name).job_id for name in session.scalars(names.distinct())}


def _num_bytes(session: Session, kept: Kept, job_id: str) -> int:
    tables = [table for table in _ON_STORAGE if kept is Kept.JOBS or table is _ROWS[kept]]
    sums = (session.scalar(select(func.sum(table.num_bytes)).where(table.job_id == job_id)) for table in tables)
    return sum(int(one or 0) for one in sums)


def _forget(database: Database, storage: Storage, job_id: str, kept: Kept) -> None:
    """Have what an ended job has left be there no more: its rows in pieces, told with the first, then its bytes."""
    num_rows = _MAX_ROWS
    while num_rows == _MAX_ROWS:
        with database.writing() as session:
            job = _hold(session, job_id, kept)
            if job is None:
                return
            places = _places(session, storage, job_id, kept)
            num_rows = _delete_rows(session, job, kept)
            if num_rows and not _is_told(session, job, kept):
                _tell(session, job, kept)
        for place in places:
            for file in storage.files(place):
                storage.delete(file)


def _hold(session: Session, job_id: str, kept: Kept) -> Job | None:
    """The job's row, which cannot be retried until the commit; None if it has been, is needed again, or is gone."""
    if kept in _SOURCES and job_id in _needed(session):
        return None
    return session.scalar(select(Job).where(Job.id == job_id, Job.status.in_(ENDED)).with_for_update())


def _places(session: Session, storage: Storage, job_id: str, kept: Kept) -> list[Path]:
    table = _ROWS[kept]
    if table not in _ON_STORAGE:
        return []
    rows = session.execute(select(table.attempt, table.path).where(table.job_id == job_id))
    return [storage.run_dir(job_id, row.attempt) / row.path for row in rows]


def _delete_rows(session: Session, job: Job, kept: Kept) -> int:
    """Delete at most `_MAX_ROWS` of them; how many."""
    if kept is Kept.ARTIFACTS:
        artifacts.forget(session, job)
        return int(job.artifact is not None)
    if kept is Kept.CHECKPOINTS:
        return _num_deleted(session, delete(Checkpoint).where(Checkpoint.job_id == job.id))
    if kept is Kept.METRICS:  # their extents first, without which nothing of them is read
        session.execute(delete(MetricSpan).where(MetricSpan.job_id == job.id))
        session.execute(delete(StoredFile).where(StoredFile.job_id == job.id, StoredFile.path == ""))
    table = _ROWS[kept]
    piece = select(table.id).where(table.job_id == job.id).order_by(table.id).limit(_MAX_ROWS)
    return _num_deleted(session, delete(table).where(table.id.in_(piece)))


def _num_deleted(session: Session, statement: Any) -> int:
    return int(session.execute(statement.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]


def _tell(session: Session, job: Job, kept: Kept) -> None:
    message = f"The job's {kept} were deleted: its project keeps them no longer"
    events.record(session, job.id, job.attempt, _event(kept), message)


def _is_told(session: Session, job: Job, kept: Kept) -> bool:
    """True if it was begun before: a job that was retried since may have left more."""
    told = (Event.job_id == job.id, Event.type == _event(kept), Event.created_at >= job.finished_at)
    return session.scalar(select(Event.id).where(*told).limit(1)) is not None


def _event(kept: Kept) -> str:
    return "artifact_expired" if kept is Kept.ARTIFACTS else f"{kept}_expired"


def _forget_job(database: Database, storage: Storage, job_id: str) -> None:
    """Have an ended job be there no more, with all that it has left: rows that name bytes, bytes, and then the rest."""
    with database.writing() as session:
        job = _hold(session, job_id, Kept.JOBS)
        if job is None:
            return
        numbers = session.scalars(select(Attempt.number).where(Attempt.job_id == job_id)).all()
    for kept in _ROWS:
        _forget(database, storage, job_id, kept)
    for number in numbers:
        for file in storage.files(storage.run_dir(job_id, number)):
            storage.delete(file)
    storage.delete(storage.event_file(job.project_id, job_id))
    with database.writing() as session:
        if _hold(session, job_id, Kept.JOBS) is None:
            return
        permissions.forget(session, job.project_id, str(ModelName.of(job)))
        session.execute(delete(Submission).where(Submission.answer_id == job_id))
        for table in (WebhookDelivery, Tracking, StoredFile, Inspection, Event, Attempt):
            session.execute(delete(table).where(table.job_id == job_id))
        session.execute(delete(Job).where(Job.id == job_id))
    storage.forget_job(job_id)
