"""Uploaded images, one by one or in zips, that rows of datasets may name."""

from sqlalchemy import insert
from sqlalchemy.orm import Session

from store.clock import from_now
from store.database import owner
from store.tables import ImageFile


class ImagesNotFound(Exception):
    """No uploaded images have this id."""

    def __init__(self, images_id: str) -> None:
        super().__init__(f"no images have the id {images_id!r}; upload them first with POST /images")


def add(session: Session, *, images_id: str, filename: str, num_bytes: int, sha256: str, num_images: int) -> ImageFile:
    """Record images whose file is in place."""
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
    images = session.get(ImageFile, images_id)
    if images is None:
        raise ImagesNotFound(images_id)
    return images
