"""Readers of streams over bare sockets, each cut off again and again in the middle of whatever it reads."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import urlsplit

from tests.unit.api.event_stream import Message, parse

_READ_BYTES = 4096
_AGAIN_SECONDS = 0.2


class Reader:
    """Reads a stream to its end, coming back with the id of the last whole message after each cut."""

    def __init__(self, url: str, path: str, num_cuts: int, seed: int, *, api_key: str) -> None:
        self._address = urlsplit(url)
        self._path = path
        self._api_key = api_key
        self._cuts_left = num_cuts
        self._random = random.Random(seed)  # noqa: S311 - it only decides where a connection is cut
        self.messages: list[Message] = []

    @property
    def is_done_cutting(self) -> bool:
        """True once it reads on undisturbed."""
        return self._cuts_left == 0

    async def run(self) -> None:
        """Read to the end."""
        while not (self.messages and self.messages[-1].type == "end"):
            reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
            writer.write(self._request())
            with suppress(ConnectionError, asyncio.IncompleteReadError):  # the service has ended in this moment
                async for message in self._messages(reader):
                    self.messages.append(message)
            writer.transport.abort()

    def _request(self) -> bytes:
        last_id = next((message.id for message in reversed(self.messages) if message.id), None)
        resumed = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
        known = f"Host: {self._address.netloc}\r\nAuthorization: Bearer {self._api_key}\r\n"
        return f"GET {self._path} HTTP/1.0\r\n{known}{resumed}\r\n".encode()

    async def _messages(self, reader: asyncio.StreamReader) -> AsyncIterator[Message]:
        """Whole messages of one connection, up to its end or its cut."""
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 503 " in head.split(b"\r\n")[0]:  # its database stood still for too long: it says when to come back
            await asyncio.sleep(_AGAIN_SECONDS)
            return
        assert b" 200 " in head.split(b"\r\n")[0], head
        bytes_left = self._random.randrange(200, 3000) if self._cuts_left else None
        rest = b""
        while read := await reader.read(_READ_BYTES):
            if bytes_left is not None:
                read, bytes_left = read[:bytes_left], bytes_left - len(read)
            *blocks, rest = (rest + read).split(b"\n\n")
            for block in blocks:
                if message := parse(block.decode()):
                    yield message
            if bytes_left is not None and bytes_left <= 0:
                self._cuts_left -= 1
                return
