"""What has expired, or was deleted, leaves the storage: its bytes, then its rows; not what a job may still need."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from store import stored_files, uploads
from store.clock import from_now
from store.database import Database
from store.file_tables import StoredFile, Upload, UploadPart, UploadStatus
from store.files import Storage
from store.lifecycle import ENDED
from store.tables import Dataset, ImageFile, Job

_MAX_FILES = 100
"""In one go: whoever collects has other work."""
_SUBMITTING_SECONDS = 60.0
"""How long a file stays that has expired: a job may be on its way that found it there, and is not to be seen yet."""


def collect(database: Database, storage: Storage) -> None:
    """Delete the next files that have expired, parts of uploads that nobody completes any more, and old uploads."""
    with database.reading() as session:
        files, parts = expired(session), left_parts(session)
    discard(database, storage, files=files, parts=parts)
    with database.writing() as session:
        uploads.forget_old(session)


def discard(
    database: Database, storage: Storage, *, files: Sequence[StoredFile] = (), parts: Sequence[UploadPart] = ()
) -> None:
    """Delete bytes, then rows: what breaks off in between is done again."""
    for place in _places(storage, files):
        storage.delete(place)
    part_ids, file_ids = [part.id for part in parts], [file.id for file in files]
    for part_id in part_ids:
        storage.delete(storage.file_path(part_id))
    with database.writing() as session:
        for table in (Dataset, ImageFile, StoredFile):
            session.execute(delete(table).where(table.id.in_(file_ids)))
        session.execute(delete(UploadPart).where(UploadPart.id.in_(part_ids)))


def expired(session: Session, limit: int = _MAX_FILES) -> Sequence[StoredFile]:
    """The next files that have expired and that no job needs."""
    is_used = exists().where(Job.status.not_in(ENDED), stored_files.uses(StoredFile.id))
    has_expired = select(StoredFile).where(StoredFile.expires_at <= from_now(-_SUBMITTING_SECONDS), ~is_used)
    return session.scalars(has_expired.order_by(StoredFile.expires_at).limit(limit)).all()


def left_parts(session: Session, limit: int = _MAX_FILES) -> Sequence[UploadPart]:
    """The next parts of uploads that have ended or expired."""
    pending = (Upload.status == UploadStatus.PENDING, Upload.expires_at > from_now())
    of_pending = select(Upload.id).where(*pending)
    left = select(UploadPart).where(UploadPart.upload_id.not_in(of_pending), UploadPart.created_at < from_now(-3600))
    return session.scalars(left.limit(limit)).all()


def _places(storage: Storage, files: Sequence[StoredFile]) -> Iterator[Path]:
    for file in files:
        if file.job_id is None:  # what a job has left is a part of its artifact
            yield storage.root / file.path
            if file.path != (rows := f"datasets/{file.id}.jsonl") and file.path.startswith("files/"):
                yield storage.root / rows
