"""/datasets: files of training rows."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.checking import check
from api.dependencies import Parts, PartsDep, Reading
from api.uploads import Received, receive
from api.views import DatasetRead
from store import datasets, ids
from store.tables import Dataset
from trainer_core.contract.dataset import DatasetReport

router = APIRouter(prefix="/datasets", tags=["datasets"])

Filename = Annotated[
    str, Query(min_length=1, max_length=255, description="What the file is called where it comes from")
]

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


@router.post("", status_code=HTTPStatus.CREATED, response_model=DatasetRead, openapi_extra=BODY)
async def upload_dataset(
    request: Request, response: Response, parts: PartsDep, filename: Filename = "dataset.jsonl"
) -> Dataset:
    """Upload a file of rows in OpenAI's chat format, one JSON object a line; every row is checked before it is taken.

    The body is the file itself: `curl -X POST -T train.jsonl 'http://…/datasets?filename=train.jsonl'`.
    """
    dataset_id = ids.dataset_id()
    draft = parts.storage.upload_path(dataset_id)
    try:
        received = await receive(request.stream(), draft, parts.settings.max_upload_bytes)
        report = await check(draft, parts.settings.check_seconds)
        dataset = await run_in_threadpool(_keep, parts, dataset_id, filename, received, report)
    finally:
        draft.unlink(missing_ok=True)
    response.headers["Location"] = f"/datasets/{dataset_id}"
    return dataset


@router.get("/{dataset_id}", response_model=DatasetRead)
def read_dataset(dataset_id: str, session: Reading) -> Dataset:
    """One dataset."""
    return datasets.get(session, dataset_id)


def _keep(parts: Parts, dataset_id: str, filename: str, received: Received, report: DatasetReport) -> Dataset:
    """Put a checked file in its place, then write its row: a row never names a file that is not there."""
    parts.storage.upload_path(dataset_id).rename(parts.storage.dataset_path(dataset_id))
    with parts.database.writing() as session:
        return datasets.add(
            session,
            dataset_id=dataset_id,
            filename=filename,
            num_bytes=received.num_bytes,
            sha256=received.sha256,
            num_rows=report.num_rows,
            num_images=report.num_images,
        )
