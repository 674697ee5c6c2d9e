"""Published files as answers: from the disk, from the bucket itself, or from a bucket through this service.

Neither the disk nor the memory holds a whole file on its way.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import anyio
from fastapi.responses import FileResponse, RedirectResponse
from starlette.types import Receive, Scope, Send

from store.files import Storage

CHUNK_BYTES = 1 << 20
"""That is read and sent at once: with less, handing it on costs more than reading it."""
_URL_SECONDS = 600
"""How long after it was told a bucket's URL can be opened; what is read from it may take longer."""
REDIRECTED: dict[int | str, dict[str, Any]] = {307: {"description": "The file lies in a bucket, at this URL"}}


class _File(FileResponse):
    chunk_size = CHUNK_BYTES


def serve(storage: Storage, place: Path, *, redirects: bool, **how: Any) -> FileResponse:
    """A published file; `Range`, `If-Range` and `HEAD` are answered.

    Args:
        storage: Where it is.
        place: Its place there.
        redirects: Whether whoever asks is sent to the bucket, if it is in one.
        how: See `FileResponse`.
    """
    if storage.is_folder:
        return _File(place, **how)
    return (_Redirected if redirects else _Streamed)(storage, place, **how)


class _Streamed(_File):
    """Starlette's answers to all that can be asked of a file, read from the storage."""

    def __init__(self, storage: Storage, place: Path, **how: Any) -> None:
        super().__init__(place, stat_result=storage.stat(place), **how)
        self._storage = storage
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A server that could send the file by its path would not find it.
        extensions = {
            name: one for name, one in scope.get("extensions", {}).items() if name != "http.response.pathsend"
        }
        await super().__call__({**scope, "extensions": extensions}, receive, send)

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[anyio.AsyncFile[bytes]]:
        file = anyio.wrap_file(await anyio.to_thread.run_sync(self._storage.open, self._place))
        try:
            yield file
        finally:
            with anyio.CancelScope(shield=True):
                await file.aclose()


class _Redirected(_Streamed):
    """Sends whoever wants to read the file to the bucket; what is only asked of it is answered here."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":  # the URL is signed for reading
            await super().__call__(scope, receive, send)
            return
        said = {"ContentType": self.headers["Content-Type"]}
        if disposition := self.headers.get("Content-Disposition"):
            said["ContentDisposition"] = disposition
        url = await anyio.to_thread.run_sync(lambda: self._storage.url(self._place, _URL_SECONDS, **said))
        headers = {"ETag": self.headers["ETag"], "Cache-Control": "no-store"}
        await RedirectResponse(url, HTTPStatus.TEMPORARY_REDIRECT, headers)(scope, receive, send)
