"""Files that come in parts: what is to come, what has come, and what it became."""

from collections.abc import Sequence

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.orm import Session

from store import ids
from store.clock import from_now, now
from store.database import owner, touched
from store.file_tables import Purpose, Upload, UploadPart, UploadStatus

_PENDING_SECONDS = 3600
_KEPT_SECONDS = 30 * 24 * 3600.0
"""How long it can be asked what an upload has become."""
_MOST_TIMES = 2
"""So often what was announced may come: parts whose answer was lost are sent again."""
_FEW_PARTS, _PART_BYTES = 1000, 1024**2
"""So many parts any upload may have, and as many more as it needs where each has so many bytes."""


class UploadNotFound(Exception):
    """No upload has this id."""

    def __init__(self, upload_id: str) -> None:
        super().__init__(f"No such Upload object: {upload_id}")


class UploadNotPending(Exception):
    """The upload takes nothing any more."""

    def __init__(self, upload: Upload) -> None:
        status = "expired" if upload.status == UploadStatus.PENDING else upload.status
        super().__init__(f"upload {upload.id} is {status}; create a new one")
        self.upload = upload


class TooManyBytes(Exception):
    """The parts of an upload grow beyond what was announced."""

    def __init__(self, upload: Upload, num_bytes: int) -> None:
        super().__init__(
            f"the parts of upload {upload.id} would have {num_bytes} bytes, more than {_MOST_TIMES} times the "
            f"{upload.num_bytes} that were announced; complete it, or create a new one"
        )


class TooManyParts(Exception):
    """An upload comes in smaller pieces than are kept track of."""

    def __init__(self, upload: Upload) -> None:
        super().__init__(
            f"upload {upload.id} has {most_parts(upload.num_bytes)} parts, the most for {upload.num_bytes} bytes; "
            "complete it, or create a new one and send larger parts"
        )


class PartNotFound(Exception):
    """The upload has no such part."""

    def __init__(self, upload_id: str, part_id: str) -> None:
        super().__init__(f"upload {upload_id} has no part {part_id!r}, or it is named twice")


def add(
    session: Session, *, purpose: Purpose, filename: str, mime_type: str, num_bytes: int, lives_seconds: int | None
) -> Upload:
    """A new upload; it is waited for an hour."""
    upload_id = ids.upload_id()
    session.execute(
        insert(Upload).values(
            id=upload_id,
            project_id=owner(session),
            purpose=purpose,
            filename=filename,
            mime_type=mime_type,
            num_bytes=num_bytes,
            lives_seconds=lives_seconds,
            status=UploadStatus.PENDING,
            expires_at=from_now(_PENDING_SECONDS),
            created_at=from_now(),
        )
    )
    return get(session, upload_id)


def get(session: Session, upload_id: str) -> Upload:
    """The upload with this id, as it is now.

    Raises:
        UploadNotFound: There is none.
    """
    upload = session.get(Upload, upload_id, populate_existing=True)
    if upload is None:
        raise UploadNotFound(upload_id)
    return upload


def pending(session: Session, upload_id: str) -> Upload:
    """The upload with this id, which still takes parts.

    Raises:
        UploadNotFound: There is none.
        UploadNotPending: It is complete, was cancelled, or has expired.
    """
    upload = get(session, upload_id)
    if upload.status != UploadStatus.PENDING or has_expired(session, upload):
        raise UploadNotPending(upload)
    return upload


def has_expired(session: Session, upload: Upload) -> bool:
    """True if the rest of it was waited for too long."""
    return upload.status == UploadStatus.PENDING and upload.expires_at <= now(session)


def add_part(session: Session, upload_id: str, part_id: str, num_bytes: int) -> UploadPart:
    """Record a part whose bytes are in place.

    Raises:
        UploadNotFound, UploadNotPending: It takes none.
        TooManyBytes: It would have more than was announced, by far.
        TooManyParts: They are too small.
    """
    session.execute(select(Upload.id).where(Upload.id == upload_id).with_for_update())  # one part at a time is counted
    upload = pending(session, upload_id)
    sent = select(func.count(), func.coalesce(func.sum(UploadPart.num_bytes), 0))
    num_parts, sent_bytes = session.execute(sent.where(UploadPart.upload_id == upload_id)).one()
    if num_parts >= most_parts(upload.num_bytes):
        raise TooManyParts(upload)
    total_bytes = int(sent_bytes) + num_bytes
    if total_bytes > _MOST_TIMES * upload.num_bytes:
        raise TooManyBytes(upload, total_bytes)
    session.execute(
        insert(UploadPart).values(id=part_id, upload_id=upload_id, num_bytes=num_bytes, created_at=from_now())
    )
    return session.scalars(select(UploadPart).where(UploadPart.id == part_id)).one()


def most_parts(num_bytes: int) -> int:
    """In how many parts so many bytes may come, those that are sent again counted too."""
    return _FEW_PARTS + _MOST_TIMES * (num_bytes // _PART_BYTES)


def parts(session: Session, upload_id: str, part_ids: Sequence[str]) -> Sequence[UploadPart]:
    """Parts of an upload, in this order.

    Raises:
        PartNotFound: It has no such part, or one is named twice.
    """
    found = {one.id: one for one in session.scalars(select(UploadPart).where(UploadPart.upload_id == upload_id))}
    chosen = []
    for part_id in part_ids:
        if part_id not in found:
            raise PartNotFound(upload_id, part_id)
        chosen.append(found.pop(part_id))
    return chosen


def part_ids(session: Session, upload_id: str) -> Sequence[str]:
    """Ids of all that has come of an upload."""
    return session.scalars(select(UploadPart.id).where(UploadPart.upload_id == upload_id)).all()


def cancel(session: Session, upload_id: str) -> Upload:
    """Cancel an upload; doing so twice changes nothing.

    Raises:
        UploadNotFound, UploadNotPending: It is complete, or has expired.
    """
    try:
        return end(session, upload_id, UploadStatus.CANCELLED)
    except UploadNotPending as error:
        if error.upload.status != UploadStatus.CANCELLED:
            raise
        return error.upload


def end(session: Session, upload_id: str, status: UploadStatus, file_id: str | None = None) -> Upload:
    """Complete an upload, or cancel it: of two that try, one does.

    Raises:
        UploadNotFound, UploadNotPending: It has ended before.
    """
    waits = (Upload.id == upload_id, Upload.status == UploadStatus.PENDING, Upload.expires_at > from_now())
    if touched(session, update(Upload).where(*waits).values(status=status, file_id=file_id)) != 1:
        raise UploadNotPending(get(session, upload_id))
    return get(session, upload_id)


def forget_old(session: Session) -> None:
    """Delete what was announced so long ago that nobody asks for it, once its parts are gone."""
    has_parts = exists().where(UploadPart.upload_id == Upload.id)
    session.execute(delete(Upload).where(Upload.expires_at < from_now(-_KEPT_SECONDS), ~has_parts))
