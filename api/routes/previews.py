"""/datasets/{id}/preview: the rows of a dataset to look at, and their images."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Annotated

from fastapi import APIRouter, Path, Query, Response

from api import rows
from api.dataset_views import RowPage, RowRead
from api.guard import Caller, CallerDep
from api.pictures import PICTURED, picture
from store import datasets

router = APIRouter(prefix="/datasets/{dataset_id}", tags=["datasets"])

_Place = Annotated[int, Query(ge=0, lt=2**63, description="`next_place` of the page before, or any byte of the rows")]


@router.get("/preview")
def preview_rows(
    dataset_id: str, caller: CallerDep, place: _Place = 0, limit: Annotated[int, Query(ge=1, le=100)] = 10
) -> RowPage:
    """Rows as they are trained on, in OpenAI's format, with addresses in place of their images.

    Rows are read from the first that begins at `place` or behind it, so that any part of a file of any size is as near
    as its beginning. Where rows are large, fewer come.
    """
    with _rows(dataset_id, caller) as file:
        num_bytes = file.seek(0, io.SEEK_END)
        found = list(rows.after(file, place, limit))
    next_place = found[-1].place + found[-1].num_bytes if found else num_bytes
    return RowPage(
        data=[_view(row, dataset_id) for row in found],
        has_more=next_place < num_bytes,
        next_place=next_place,
        num_bytes=num_bytes,
    )


@router.get("/rows/{place}/images/{number}", response_class=Response, responses=PICTURED)
def read_row_image(
    dataset_id: str,
    place: Annotated[int, Path(ge=0, lt=2**63, description="Of the row, as the preview tells it")],
    number: Annotated[int, Path(ge=0, lt=2**31, description="Of the image in the row, from 0")],
    caller: CallerDep,
) -> Response:
    """An image of a row as it was uploaded."""
    with _rows(dataset_id, caller) as file:
        return picture(rows.image(rows.at(file, place), number))


def _view(row: rows.Row, dataset_id: str) -> RowRead:
    beside = f"/datasets/{dataset_id}/rows/{row.place}/images"
    return RowRead(place=row.place, row=rows.with_addresses(row, lambda number: f"{beside}/{number}"))


@contextmanager
def _rows(dataset_id: str, caller: Caller) -> Iterator[IO[bytes]]:
    with caller.reading() as session:
        dataset = datasets.get(session, dataset_id)
    storage = caller.parts.storage
    with storage.open(storage.dataset_path(dataset.id)) as file:
        yield file
