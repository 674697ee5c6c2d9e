"""One reader of a stream: what waits for it, within bounds."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from fastapi.sse import KEEPALIVE_COMMENT

from store.stream import Place

PING_SECONDS = 15.0
"""How long a stream may be silent: proxies and clients end what is silent for longer."""
MAX_WAITING_BYTES = 1 << 20
"""How much may wait for a slow reader before its stream is cut; it comes back, and has missed nothing."""


class Watcher:
    """Takes what is told from the moment it listens, and gives it to one connection."""

    def __init__(self, types: frozenset[str], place: Place) -> None:
        self.types = types
        self.place = place
        """How far it has read the past by itself."""
        self.is_listening = False
        self.is_cut = False
        self._has_ended = False
        self._waiting: deque[bytes] = deque()
        self._num_bytes = 0
        self._news = asyncio.Event()

    def give(self, told: bytes) -> None:
        """Keep it for the connection, or cut the stream if too much waits already."""
        if self.is_cut or self._has_ended or not told:
            return
        if self._waiting and self._num_bytes + len(told) > MAX_WAITING_BYTES:
            self.cut()
            return
        self._waiting.append(told)
        self._num_bytes += len(told)
        self._news.set()

    def end(self) -> None:
        """Let the stream end behind what waits."""
        self._has_ended = True
        self._news.set()

    def cut(self) -> None:
        """Let the stream end here; nothing of what waits is told."""
        self.is_cut = True
        self._waiting.clear()
        self._news.set()

    async def told(self) -> AsyncIterator[bytes]:
        """What is told, to the end; pings while nothing is."""
        while True:
            if self._waiting:
                told, self._num_bytes = b"".join(self._waiting), 0
                self._waiting.clear()
                yield told
            elif self._has_ended or self.is_cut:
                return
            elif not await self._has_news():
                yield KEEPALIVE_COMMENT

    async def _has_news(self) -> bool:
        self._news.clear()
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._news.wait()
        except TimeoutError:
            return False
        return True
