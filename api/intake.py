"""A file on its way in: received, looked at, and kept only if nothing is wrong with it."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import anyio
from fastapi import Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.checking import UncheckableDataset, addresses, check
from api.dependencies import Parts
from api.fetching import Fetcher
from api.uploads import Received, receive
from store import ids
from trainer_core.contract.dataset import DatasetReport

Filename = Annotated[
    str, Query(min_length=1, max_length=255, description="What the file is called where it comes from")
]


@dataclass(frozen=True)
class Arrival:
    """A file that is here and has not been kept yet."""

    file_id: str
    folder: Path
    received: Received

    @property
    def path(self) -> Path:
        """The file as it came."""
        return self.folder / "file"

    @property
    def rows_path(self) -> Path:
        """Its rows, where they had to be converted."""
        return self.folder / "rows.jsonl"


@asynccontextmanager
async def arrival(request: Request, parts: Parts) -> AsyncIterator[Arrival]:
    """The body of a request as a file; whatever has not been moved elsewhere in the end is deleted."""
    file_id = ids.file_id()
    folder = parts.storage.upload_dir(file_id)
    folder.mkdir()
    try:
        yield Arrival(
            file_id, folder, await receive(request.stream(), folder / "file", parts.settings.max_upload_bytes)
        )
    finally:
        await run_in_threadpool(shutil.rmtree, folder)


async def check_rows(arrived: Arrival, parts: Parts, images_path: Path | None) -> DatasetReport:
    """Check a file of rows, fetch the images that it names by address if that is allowed, and convert it if need be.

    Raises:
        DatasetRefused: Some row cannot be trained on.
        UncheckableDataset: It took too long, or broke down.
    """
    options: list[str | Path] = ["--output", arrived.rows_path, "--uploaded", parts.storage.images_dir]
    if images_path is not None:
        options += ["--images", images_path]
    with _in_time(parts.settings.check_seconds):
        if parts.settings.fetch_images:
            options += ["--fetched", await _fetched(arrived)]
        return await check(arrived.path, *options)


async def check_images(arrived: Arrival, parts: Parts) -> DatasetReport:
    """Look at an image, or into a zip of them.

    Raises:
        DatasetRefused: It is neither.
        UncheckableDataset: It took too long, or broke down.
    """
    with _in_time(parts.settings.check_seconds):
        return await check(arrived.path, "--only-images")


async def _fetched(arrived: Arrival) -> Path:
    folder = arrived.folder / "fetched"
    folder.mkdir()
    await Fetcher().fetch_all(await addresses(arrived.path), folder)
    return folder


@contextmanager
def _in_time(seconds: float) -> Iterator[None]:
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError as error:
        raise UncheckableDataset(f"checking the file took longer than {seconds:.0f} s") from error
