"""/images: images apart from the rows that name them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.dataset_views import ImagesPage, ImagesRead
from api.guard import Caller, CallerDep
from api.intake import UNBOUNDED, Arrival, Filename, arrival, check_images
from store import images, stored_files
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
    request: Request, response: Response, caller: CallerDep, filename: Filename = "images.zip"
) -> ImageFile:
    """Upload an image, or a zip of them, that rows of datasets name.

    A row names an image by its id, `{"type": "image_url", "image_url": {"url": "file-…"}}`, one in a zip by
    `file-…/path/in/zip.png`, or by that path alone where the rows are uploaded with `images=file-…`.
    """
    async with arrival(request, caller) as arrived:
        report = await check_images(arrived, caller.parts)
        found = await run_in_threadpool(_keep, caller, arrived, filename, report.num_images)
    response.headers["Location"] = f"/images/{found.id}"
    return found


@router.get("")
def list_images(
    caller: CallerDep,
    after: Annotated[str | None, Query(description="Id of the last images of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> ImagesPage:
    """Uploaded images, newest first."""
    with caller.reading() as session:
        return ImagesPage.of(stored_files.descriptions(session, ImageFile, after=after, limit=limit + 1), limit)


@router.get("/{images_id}", response_model=ImagesRead)
def read_images(images_id: str, caller: CallerDep) -> ImageFile:
    """Uploaded images."""
    with caller.reading() as session:
        return images.get(session, images_id)


@router.delete("/{images_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_images(images_id: str, caller: CallerDep) -> None:
    """Delete uploaded images; rows that were uploaded with them have copies of their own."""
    with caller.writing() as session:
        stored_files.delete(session, images.get(session, images_id).id)


def _keep(caller: Caller, arrived: Arrival, filename: str, num_images: int) -> ImageFile:
    caller.parts.storage.publish(arrived.path, caller.parts.storage.images_path(caller.project_id, arrived.file_id))
    with caller.writing() as session:
        return images.add(
            session,
            images_id=arrived.file_id,
            filename=filename,
            num_bytes=arrived.received.num_bytes,
            sha256=arrived.received.sha256,
            num_images=num_images,
        )
