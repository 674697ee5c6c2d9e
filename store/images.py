"""Uploaded images, one by one or in zips, that rows of datasets may name."""

from typing import Any

from sqlalchemy import insert
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
    file: dict[str, Any] = {"filename": filename, "num_bytes": num_bytes, "sha256": sha256}
    place = f"images/{owner(session)}/{images_id}"
    stored_files.add(
        session, file_id=images_id, purpose=Purpose.VISION, path=place, lives_seconds=lives_seconds, **file
    )
    session.execute(
        insert(ImageFile).values(
            id=images_id, project_id=owner(session), num_images=num_images, created_at=from_now(), **file
        )
    )
    return get(session, images_id)


def get(session: Session, images_id: str) -> ImageFile:
    """The images with this id.

    Raises:
        ImagesNotFound: There are none.
    """
    images = stored_files.described(session, ImageFile, images_id)
    if images is None:
        raise ImagesNotFound(images_id)
    return images
