"""Uploaded images, one by one or in zips, that rows of datasets may name."""

from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from store import stored_files
from store.clock import from_now
from store.database import owner
from store.file_tables import Purpose
from store.tables import ImageFile


class ImagesNotFound(Exception):
    """No uploaded images have this id."""

    def __init__(self, images_id: str) -> None:
        super().__init__(f"no images have the id {images_id!r}; upload them first with POST /images")


def add(
    session: Session,
    *,
    images_id: str,
    filename: str,
    num_bytes: int,
    sha256: str,
    num_images: int,
    lives_seconds: int | None = None,
) -> ImageFile:
    """Record images whose file is in place; after `lives_seconds` they are gone."""
    stored_files.add(
        session,
        file_id=images_id,
        purpose=Purpose.VISION,
        filename=filename,
        num_bytes=num_bytes,
        sha256=sha256,
        path=f"images/{owner(session)}/{images_id}",
        lives_seconds=lives_seconds,
    )
    session.execute(
        insert(ImageFile).values(
            id=images_id,
            project_id=owner(session),
            filename=filename,
            num_bytes=num_bytes,
            sha256=sha256,
            num_images=num_images,
            created_at=from_now(),
        )
    )
    return get(session, images_id)


def get(session: Session, images_id: str) -> ImageFile:
    """The images with this id.

    Raises:
        ImagesNotFound: There are none.
    """
    images = session.scalar(select(ImageFile).where(ImageFile.id == images_id, stored_files.is_kept(ImageFile.id)))
    if images is None:
        raise ImagesNotFound(images_id)
    return images


def page(session: Session, *, after: str | None, limit: int) -> Sequence[ImageFile]:
    """Those older than `after`, newest first."""
    statement = select(ImageFile).where(stored_files.is_kept(ImageFile.id)).order_by(ImageFile.id.desc()).limit(limit)
    if after is not None:
        statement = statement.where(ImageFile.id < after)
    return session.scalars(statement).all()


def delete(session: Session, images_id: str) -> None:
    """Have images be gone.

    Raises:
        ImagesNotFound: There are none.
        FileInUse: A job that has not ended needs them.
    """
    stored_files.delete(session, get(session, images_id).id)
