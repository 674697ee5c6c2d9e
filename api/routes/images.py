"""/images: images apart from the rows that name them."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.dependencies import Parts, PartsDep
from api.intake import UNBOUNDED, Arrival, Filename, arrival, check_images
from api.views import ImagesRead
from store import images
from store.tables import ImageFile

router = APIRouter(prefix="/images", tags=["datasets"])

BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("", status_code=HTTPStatus.CREATED, response_model=ImagesRead, openapi_extra=BODY, max_body_size=UNBOUNDED)
async def upload_images(
    request: Request, response: Response, parts: PartsDep, filename: Filename = "images.zip"
) -> ImageFile:
    """Upload an image, or a zip of them, that rows of datasets name.

    A row names an image by its id, `{"type": "image_url", "image_url": {"url": "file-…"}}`, one in a zip by
    `file-…/path/in/zip.png`, or by that path alone where the rows are uploaded with `images=file-…`.
    """
    async with arrival(request, parts) as arrived:
        report = await check_images(arrived, parts)
        found = await run_in_threadpool(_keep, parts, arrived, filename, report.num_images)
    response.headers["Location"] = f"/images/{found.id}"
    return found


@router.get("/{images_id}", response_model=ImagesRead)
def read_images(images_id: str, parts: PartsDep) -> ImageFile:
    """Uploaded images."""
    with parts.database.reading() as session:
        return images.get(session, images_id)


def _keep(parts: Parts, arrived: Arrival, filename: str, num_images: int) -> ImageFile:
    parts.storage.publish(arrived.path, parts.storage.images_path(arrived.file_id))
    with parts.database.writing() as session:
        return images.add(
            session,
            images_id=arrived.file_id,
            filename=filename,
            num_bytes=arrived.received.num_bytes,
            sha256=arrived.received.sha256,
            num_images=num_images,
        )
