"""/datasets: files of training rows."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from api.dataset_views import DatasetPage, DatasetRead
from api.guard import Caller, CallerDep
from api.intake import UNBOUNDED, Arrival, Filename, arrival, check_rows
from api.serving import REDIRECTED, serve
from store import datasets, stored_files
from store import images as image_files
from store.tables import Dataset
from trainer_core.contract.dataset import DatasetReport

router = APIRouter(prefix="/datasets", tags=["datasets"])

BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/jsonl": {
                "schema": {"type": "string", "format": "binary"},
                "example": '{"messages": [{"role": "user", "content": [{"type": "text", "text": "Which digit?"}, '
                '{"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}}]}, '
                '{"role": "assistant", "content": "7"}]}\n',
            }
        },
    }
}


@router.post(
    "", status_code=HTTPStatus.CREATED, response_model=DatasetRead, openapi_extra=BODY, max_body_size=UNBOUNDED
)
async def upload_dataset(
    request: Request,
    response: Response,
    caller: CallerDep,
    filename: Filename = "dataset.jsonl",
    images: Annotated[str | None, Query(description="Id of a zip of images, uploaded before, that rows name")] = None,
) -> Dataset:
    """Upload rows to train on; every row is checked before they are taken.

    The body is the file itself: `curl -X POST -T train.jsonl 'http://…/datasets?filename=train.jsonl'`. It is JSONL in
    OpenAI's chat format, or whatever else docs/datasets.md names; rows are then kept in OpenAI's format.
    """
    await run_in_threadpool(_look_for_images, caller, images)
    async with arrival(request, caller) as arrived:
        report = await check_rows(arrived, caller.parts, caller.project_id, images)
        dataset = await run_in_threadpool(_keep, caller, arrived, filename, report)
    response.headers["Location"] = f"/datasets/{dataset.id}"
    return dataset


@router.get("")
def list_datasets(
    caller: CallerDep,
    after: Annotated[str | None, Query(description="Id of the last dataset of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> DatasetPage:
    """Datasets, newest first."""
    with caller.reading() as session:
        return DatasetPage.of(stored_files.descriptions(session, Dataset, after=after, limit=limit + 1), limit)


@router.get("/{dataset_id}", response_model=DatasetRead)
def read_dataset(dataset_id: str, caller: CallerDep) -> Dataset:
    """One dataset."""
    with caller.reading() as session:
        return datasets.get(session, dataset_id)


@router.get("/{dataset_id}/rows", response_class=FileResponse, responses=REDIRECTED)
def download_rows(dataset_id: str, caller: CallerDep) -> FileResponse:
    """The rows as they are trained on: JSONL in OpenAI's chat format, images in it.

    Where the storage is a bucket, the answer is a redirect to it.
    """
    with caller.reading() as session:
        dataset = datasets.get(session, dataset_id)
    place = caller.parts.storage.dataset_path(dataset.id)
    return serve(
        caller.parts.storage,
        place,
        redirects=caller.parts.settings.redirect_downloads,
        media_type="application/jsonl",
        filename=f"{dataset.id}.jsonl",
    )


@router.delete("/{dataset_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_dataset(dataset_id: str, caller: CallerDep) -> None:
    """Delete a dataset, unless a job that has not ended needs it."""
    with caller.writing() as session:
        stored_files.delete(session, datasets.get(session, dataset_id).id)


def _look_for_images(caller: Caller, images_id: str | None) -> None:
    """Refuse unknown images before the rows come."""
    if images_id is not None:
        with caller.reading() as session:
            image_files.get(session, images_id)


def _keep(caller: Caller, arrived: Arrival, filename: str, report: DatasetReport) -> Dataset:
    """Put checked rows in their place, then write their row: a row never names a file that is not there."""
    rows = arrived.rows_path if report.is_converted else arrived.path
    caller.parts.storage.publish(rows, caller.parts.storage.dataset_path(arrived.file_id))
    with caller.writing() as session:
        return datasets.add(
            session,
            dataset_id=arrived.file_id,
            filename=filename,
            num_bytes=arrived.received.num_bytes,
            sha256=arrived.received.sha256,
            report=report,
        )
