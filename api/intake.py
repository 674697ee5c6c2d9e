"""A file on its way in: received, looked at, and kept only if nothing is wrong with it."""

import shutil
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import anyio
from fastapi import Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.checking import UncheckableDataset, check, named
from api.dependencies import Parts
from api.fetching import Fetcher
from api.guard import Caller
from api.uploads import Received, receive
from store import ids, quotas
from store.files import Storage
from trainer_core.contract.dataset import DatasetReport

Filename = Annotated[
    str, Query(min_length=1, max_length=255, description="What the file is called where it comes from")
]

_FORMS = ("multipart/", "application/x-www-form-urlencoded")
_GROWTH = 2
"""Rows may take so many times what a dataset may: images grow by a third where they become text."""
UNBOUNDED = 2**62
"""For `max_body_size` of a route whose body is a file: `receive` bounds it, by what the settings say."""


class BodyIsAForm(Exception):
    """The file was sent as a form, where the body must be the file itself."""


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
async def arrival(request: Request, caller: Caller) -> AsyncIterator[Arrival]:
    """The body of a request as a file.

    Raises:
        BodyIsAForm: Nothing of it was read.
        QuotaExceeded: The caller's project has no room.
        DatasetTooLarge: It is larger than this service or the project takes.
    """
    if request.headers.get("content-type", "").lower().startswith(_FORMS):
        raise BodyIsAForm("send the file itself as the body, not a form: curl -T FILE, not -F")
    most_bytes = await run_in_threadpool(room_bytes, caller)
    file_id = ids.file_id()
    async with incoming(caller.parts.storage, file_id) as folder:
        yield Arrival(file_id, folder, await receive(request.stream(), folder / "file", most_bytes))


@asynccontextmanager
async def incoming(storage: Storage, file_id: str) -> AsyncIterator[Path]:
    """Folder of a file while it comes in; whatever has not been moved elsewhere in the end is deleted."""
    folder = storage.upload_dir(file_id)
    await run_in_threadpool(folder.mkdir)
    try:
        yield folder
    finally:
        await run_in_threadpool(shutil.rmtree, folder)


def room_bytes(caller: Caller) -> int:
    """Bytes that a file of the caller's may have.

    Raises:
        QuotaExceeded: None at all.
    """
    with caller.reading() as session:
        return quotas.upload_room(session, caller.parts.settings.max_upload_bytes)


async def check_rows(arrived: Arrival, parts: Parts, project_id: str, images_id: str | None) -> DatasetReport:
    """Check a file of rows, fetch the images that it names by address if that is allowed, and convert it if need be.

    Args:
        arrived: The file.
        parts: Where to look for images that were uploaded before.
        project_id: Whose images rows may name.
        images_id: Uploaded images that rows name by their paths.

    Raises:
        DatasetRefused: Some row cannot be trained on.
        UncheckableDataset: It took too long, or broke down.
    """
    most_bytes = _GROWTH * parts.settings.max_upload_bytes
    options: list[str | Path] = ["--output", arrived.rows_path, "--most-bytes", str(most_bytes)]
    with _in_time(parts.settings.check_seconds):
        uploaded = await _uploaded(arrived, parts.storage, project_id, images_id)
        options += ["--uploaded", uploaded]
        if images_id is not None:
            options += ["--images", uploaded / images_id]
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


async def _uploaded(arrived: Arrival, storage: Storage, project_id: str, images_id: str | None) -> Path:
    """Folder with the uploaded images that rows name."""
    if storage.is_folder:
        return storage.images_dir(project_id)
    named_ids = await named(arrived.path, "--uploads")
    folder = arrived.folder / "images"
    folder.mkdir()
    places = [storage.images_path(project_id, one) for one in {*named_ids, *([images_id] if images_id else [])}]
    await run_in_threadpool(_copy, storage, places, folder)
    return folder


def _copy(storage: Storage, places: Iterable[Path], folder: Path) -> None:
    for place in places:
        with suppress(FileNotFoundError):  # the check tells that it was never uploaded
            storage.copy(place, folder / place.name)


async def _fetched(arrived: Arrival) -> Path:
    folder = arrived.folder / "fetched"
    folder.mkdir()
    await Fetcher().fetch_all(await named(arrived.path, "--addresses"), folder)
    return folder


@contextmanager
def _in_time(seconds: float) -> Iterator[None]:
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError as error:
        raise UncheckableDataset(f"checking the file took longer than {seconds:.0f} s") from error
