"""Files by their ids: recorded, found, listed, and gone once they expire.

To delete one is to have it expire now; its bytes go then, or later (`expiry.py`), and its row after them.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from sqlalchemy import JSON, ColumnElement, exists, insert, or_, select, type_coerce, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from store import ids
from store.clock import from_now
from store.database import owner
from store.file_tables import FileStatus, Purpose, StoredFile
from store.lifecycle import ENDED
from store.tables import Dataset, ImageFile, Job
from trainer_core.contract.dataset import DatasetFault

Description = TypeVar("Description", Dataset, ImageFile)
"""What is known of a file beside what is known of each: of its rows, or of its images."""


class StoredFileNotFound(Exception):
    """No file has this id."""

    def __init__(self, file_id: str) -> None:
        super().__init__(f"No such File object: {file_id}")


class FileInUse(Exception):
    """A job that has not ended still needs the file."""

    def __init__(self, file_id: str, job_id: str) -> None:
        super().__init__(f"file {file_id} is used by job {job_id}, which has not ended; cancel it, or wait for its end")


def add(
    session: Session,
    *,
    purpose: Purpose,
    filename: str,
    num_bytes: int,
    sha256: str,
    path: str,
    file_id: str | None = None,
    project_id: str | None = None,
    status: FileStatus = FileStatus.PROCESSED,
    status_details: str | None = None,
    faults: tuple[DatasetFault, ...] = (),
    job_id: str | None = None,
    lives_seconds: int | None = None,
) -> StoredFile:
    """Record a file whose bytes are in place.

    Args:
        path: Below the root of the storage; empty for metrics as CSV, which are written whenever they are read.
        file_id: By default a new one.
        project_id: By default the session's.
        job_id: Of the job that has left it.
        lives_seconds: After which it is gone.
    """
    file_id = file_id or ids.file_id()
    values = {
        "id": file_id,
        "project_id": project_id or owner(session),
        "purpose": purpose,
        "filename": filename,
        "num_bytes": num_bytes,
        "sha256": sha256,
        "path": path,
        "status": status,
        "status_details": status_details,
        "faults": faults,
        "job_id": job_id,
        "created_at": from_now(),
    }
    if lives_seconds is not None:
        values["expires_at"] = from_now(lives_seconds)
    session.execute(insert(StoredFile).values(**values))
    return get(session, file_id)


def get(session: Session, file_id: str) -> StoredFile:
    """The file with this id.

    Raises:
        StoredFileNotFound: There is none, or none any more.
    """
    found = find(session, file_id)
    if found is None:
        raise StoredFileNotFound(file_id)
    return found


def find(session: Session, file_id: str) -> StoredFile | None:
    """The file with this id; None if there is none, or none any more."""
    return session.scalar(select(StoredFile).where(StoredFile.id == file_id, is_there()))


def page(
    session: Session, *, purpose: Purpose | None, after: str | None, limit: int, is_newest_first: bool = True
) -> Sequence[StoredFile]:
    """Files behind the file `after`, in the order of their ages."""
    order = StoredFile.id.desc() if is_newest_first else StoredFile.id
    statement = select(StoredFile).where(is_there()).order_by(order).limit(limit)
    if purpose is not None:
        statement = statement.where(StoredFile.purpose == purpose)
    if after is not None:
        statement = statement.where(StoredFile.id < after if is_newest_first else StoredFile.id > after)
    return session.scalars(statement).all()


def described(session: Session, table: type[Description], file_id: str) -> Description | None:
    """What is known of a file of rows, or of images; None if there is no such file, or none any more."""
    return session.scalar(select(table).where(table.id == file_id, is_kept(table.id)))


def descriptions(session: Session, table: type[Description], *, after: str | None, limit: int) -> Sequence[Description]:
    """What is known of files of rows, or of images, older than the file `after`; newest first."""
    statement = select(table).where(is_kept(table.id)).order_by(table.id.desc()).limit(limit)
    if after is not None:
        statement = statement.where(table.id < after)
    return session.scalars(statement).all()


def of_jobs(session: Session, job_ids: Sequence[str]) -> Mapping[str, Sequence[StoredFile]]:
    """What each of some jobs has left, in the order in which it was recorded."""
    found: dict[str, list[StoredFile]] = {job_id: [] for job_id in job_ids}
    of_them = select(StoredFile).where(StoredFile.job_id.in_(job_ids), is_there()).order_by(StoredFile.id)
    for file in session.scalars(of_them):
        found[file.job_id or ""].append(file)
    return found


def delete(session: Session, file_id: str) -> None:
    """Have a file expire now.

    Raises:
        StoredFileNotFound: There is none, or none any more.
        FileInUse: A job that has not ended needs it.
    """
    # Whoever submits a job on it holds its row until the job is there to be seen.
    held = select(StoredFile.id).where(StoredFile.id == file_id, is_there()).with_for_update()
    if session.scalar(held) is None:
        raise StoredFileNotFound(file_id)
    job_id = session.scalar(select(Job.id).where(Job.status.not_in(ENDED), uses(file_id)).limit(1))
    if job_id is not None:
        raise FileInUse(file_id, job_id)
    expire(session, file_id)


def expire(session: Session, file_id: str) -> None:
    """Have a file be gone for all but jobs that have it."""
    session.execute(update(StoredFile).where(StoredFile.id == file_id).values(expires_at=from_now()))


def is_there() -> ColumnElement[bool]:
    """Whether a file has not expired, in SQL."""
    return or_(StoredFile.expires_at.is_(None), StoredFile.expires_at > from_now())


def is_kept(file_id: ColumnElement[str] | InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Whether no file with this id has expired, in SQL."""
    return ~exists().where(StoredFile.id == file_id, StoredFile.expires_at <= from_now())


def uses(file_id: str | InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Whether a job trains or is measured on a file, in SQL."""
    spec = type_coerce(Job.spec, JSON)
    return or_(*(spec[name].as_string() == file_id for name in ("train_dataset", "eval_dataset")))
