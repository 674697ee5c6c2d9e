"""HTTP connections that send files from the kernel's cache to the socket, past this process.

`uvicorn --http api.sending:Connection`; with any other protocol of uvicorn everything works, and large files take more
of a core. It carries out `http.response.pathsend`, an extension of ASGI that Starlette uses for whole files.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import h11
from anyio import to_thread
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_PATHSEND = "http.response.pathsend"
_MAX_BYTES = 4 << 20
"""That one call sends: a thread is free again soon, however slow the disk is."""


class _Length:
    """Stands for so many bytes that h11 counts and somebody else sends."""

    def __init__(self, num_bytes: int) -> None:
        self._num_bytes = num_bytes

    def __len__(self) -> int:
        return self._num_bytes


class Connection(H11Protocol):
    """A connection of uvicorn that takes files by their paths."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answer, self.app = self.app, self._with_files

    async def _with_files(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_any(message: Message) -> None:
            if message["type"] == _PATHSEND:
                await self._send_file(Path(message["path"]))
                message = {"type": "http.response.body"}
            await send(message)

        if scope["scheme"] == "http":  # else every byte is encrypted on its way
            scope["extensions"] = {**scope.get("extensions", {}), _PATHSEND: {}}
        await self._answer(scope, receive, send_any)

    async def _send_file(self, path: Path) -> None:
        with await to_thread.run_sync(path.open, "rb") as file:
            num_bytes = os.fstat(file.fileno()).st_size
            counted: Any = _Length(num_bytes)
            for part in self.conn.send_with_data_passthrough(h11.Data(data=counted)) or ():
                if not isinstance(part, _Length):
                    self.transport.write(part)
                    continue
                await self._have_sent()
                await self._send_bytes(file.fileno(), num_bytes)

    async def _have_sent(self) -> None:
        """Wait until nothing that was written before still waits: a file would pass it."""
        self.transport.set_write_buffer_limits(0)
        await self.flow.drain()
        self.transport.set_write_buffer_limits()

    async def _send_bytes(self, file: int, num_bytes: int) -> None:
        # A second descriptor, since the loop lets nobody else wait for that of a transport.
        with self.transport.get_extra_info("socket").dup() as connection:
            sent = 0
            while sent < num_bytes and not self.transport.is_closing():
                try:
                    sent += await to_thread.run_sync(_send_some, connection.fileno(), file, sent, num_bytes)
                except BlockingIOError:
                    await _writable(connection.fileno())
                except OSError:  # nobody is there any more
                    self.transport.abort()


def _send_some(connection: int, file: int, offset: int, num_bytes: int) -> int:
    sent = os.sendfile(connection, file, offset, min(_MAX_BYTES, num_bytes - offset))
    if not sent:
        raise EOFError(f"the file ends {num_bytes - offset} bytes early")
    return sent


async def _writable(connection: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(connection)
