"""Files that come in parts."""

from sqlalchemy import delete, select, update

from store import expiry, uploads
from store.clock import from_now
from store.database import Database
from store.file_tables import Purpose, Upload, UploadPart
from store.files import Storage


def announce(database: Database, *, days_ago: float) -> str:
    with database.writing() as session:
        upload = uploads.add(
            session, purpose=Purpose.BATCH, filename="x", mime_type="x", num_bytes=1, lives_seconds=None
        )
        uploads.add_part(session, upload.id, f"part_of_{upload.id}", 1)
        at = from_now(-86_400 * days_ago)
        session.execute(update(Upload).where(Upload.id == upload.id).values(expires_at=at))
    return upload.id


def left(database: Database) -> set[str]:
    with database.reading() as session:
        return set(session.scalars(select(Upload.id)))


def test_an_old_upload_is_forgotten_once_its_parts_are_gone(database: Database, storage: Storage) -> None:
    old, late = announce(database, days_ago=31), announce(database, days_ago=29)

    expiry.collect(database, storage)
    with_parts = left(database)
    with database.writing() as session:
        session.execute(delete(UploadPart))
    expiry.collect(database, storage)

    assert (with_parts, left(database)) == ({old, late}, {late})
