"""Published files as answers: from the disk, or from a bucket without a stop on the disk or the whole in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

from store.files import Storage


def serve(storage: Storage, place: Path, **how: Any) -> FileResponse:
    """A published file; `Range`, `If-Range` and `HEAD` are answered.

    Args:
        storage: Where it is.
        place: Its place there.
        how: See `FileResponse`.
    """
    if storage.is_folder:
        return FileResponse(place, **how)
    return _Streamed(storage, place, **how)


class _Streamed(FileResponse):
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
