"""`tuneyard.datasets` and `tuneyard.images`: what is uploaded."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2

from client.aio.concurrency import blocking
from client.aio.download import download_file
from client.aio.transport import AsyncTransport
from client.errors import UnreadableInput
from client.http import CONNECT_SECONDS
from client.pieces import OnBytes
from client.views import Dataset, Images, RowPage

_CHECK_SECONDS = 900
"""How long the answer to an upload may take: the service reads every row and decodes every image."""
_CHUNK_BYTES = 1 << 18


class AsyncDatasets:
    """Files of rows."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def upload(
        self, path: Path | str, on_bytes: OnBytes = lambda _: None, *, images: str | None = None
    ) -> Dataset:
        """Upload a file of rows; the service checks every one of them before it answers.

        Args:
            path: JSONL, JSON, Parquet, WebDataset, or a zip of one of these with its images.
            on_bytes: Told of each piece that has gone out.
            images: Id of uploaded images that the rows name.
        """
        return Dataset.model_validate_json(
            await _upload(self._transport, "/datasets", Path(path), on_bytes, images=images)
        )

    async def list(self) -> AsyncIterator[Dataset]:
        """Every dataset, newest first, page by page."""
        async for one in self._transport.pages("/datasets"):
            yield Dataset.model_validate(one)

    async def retrieve(self, dataset_id: str) -> Dataset:
        """An uploaded dataset."""
        return Dataset.model_validate_json((await self._transport.get(f"/datasets/{dataset_id}")).content)

    async def preview(self, dataset_id: str, *, place: int = 0, limit: int = 10) -> RowPage:
        """Rows to look at, in OpenAI's format, with addresses in place of their images.

        Args:
            dataset_id: Which dataset.
            place: `next_place` of the page before, or any byte of the rows: the first row behind it comes first.
            limit: Most rows, up to 100; fewer come where they are large.
        """
        asked = {"place": place, "limit": limit}
        answer = await self._transport.get(f"/datasets/{dataset_id}/preview", params=asked)
        return RowPage.model_validate_json(answer.content)

    async def image(self, dataset_id: str, place: int, number: int) -> bytes:
        """An image of a row as it was uploaded.

        Args:
            dataset_id: Which dataset.
            place: Of the row, as the preview tells it.
            number: Of the image in the row, from 0.
        """
        return (await self._transport.get(f"/datasets/{dataset_id}/rows/{place}/images/{number}")).content

    async def delete(self, dataset_id: str) -> None:
        """Delete a dataset, unless a job that has not ended needs it."""
        await self._transport.ask("DELETE", f"/datasets/{dataset_id}")

    async def download(self, dataset_id: str, path: Path | str, on_bytes: OnBytes = lambda _: None) -> None:
        """Bring its rows as they are trained on, JSONL in OpenAI's chat format, into a file."""
        await download_file(self._transport, f"/datasets/{dataset_id}/rows", Path(path), on_bytes)


class AsyncImageFiles:
    """Images apart from the rows that name them."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def upload(self, path: Path | str, on_bytes: OnBytes = lambda _: None) -> Images:
        """Upload an image, or a zip of them, that rows may name."""
        return Images.model_validate_json(await _upload(self._transport, "/images", Path(path), on_bytes))

    async def list(self) -> AsyncIterator[Images]:
        """All uploaded images, newest first, page by page."""
        async for one in self._transport.pages("/images"):
            yield Images.model_validate(one)

    async def delete(self, images_id: str) -> None:
        """Delete uploaded images; rows that were uploaded with them have copies of their own."""
        await self._transport.ask("DELETE", f"/images/{images_id}")

    async def retrieve(self, images_id: str) -> Images:
        """Uploaded images."""
        return Images.model_validate_json((await self._transport.get(f"/images/{images_id}")).content)


async def _upload(transport: AsyncTransport, route: str, path: Path, on_bytes: OnBytes, **asked: str | None) -> bytes:
    num_bytes = await blocking(_size, path)
    response = await transport.ask(
        "POST",
        route,
        params={"filename": path.name} | {name: value for name, value in asked.items() if value is not None},
        content=_Chunks(path, on_bytes),
        headers={"Content-Length": str(num_bytes)},
        timeout=httpx2.Timeout(_CHECK_SECONDS, connect=CONNECT_SECONDS),
    )
    return response.content


def _size(path: Path) -> int:
    if not path.is_file():
        raise UnreadableInput(f"there is no file {path}")
    return path.stat().st_size


class _Chunks:
    """A file as a body that can be sent again from its beginning."""

    def __init__(self, path: Path, on_bytes: OnBytes) -> None:
        self._path = path
        self._on_bytes = on_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._path.open("rb") as file:
            while chunk := await blocking(file.read, _CHUNK_BYTES):
                yield chunk
                self._on_bytes(len(chunk))
