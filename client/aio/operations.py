"""What operators ask of a service as it runs: which workers take nothing new, and what can go from the storage."""

from urllib.parse import quote

import httpx2

from client.aio.transport import AsyncTransport
from client.http import CONNECT_SECONDS
from client.operation_views import DrainList, GarbageList

_LOOK = httpx2.Timeout(600, connect=CONNECT_SECONDS)
"""Looking through a large bucket takes minutes."""


class AsyncDrains:
    """Which workers are to take nothing new. For operators."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> DrainList:
        """What is asked for, and how far each worker has come."""
        return DrainList.model_validate_json((await self._transport.get("/drains")).content)

    async def create(self, worker: str, *, gives_back: bool = False) -> DrainList:
        """Have a worker take nothing new.

        Args:
            worker: Its name; `*` stands for all, those that are still to come too.
            gives_back: Running jobs save and go back to the queue; else they end first.
        """
        answer = await self._transport.ask("PUT", _place(worker), repeats=True, params={"gives_back": gives_back})
        return DrainList.model_validate_json(answer.content)

    async def delete(self, worker: str) -> None:
        """Have a worker take jobs again; `*` stands for all."""
        await self._transport.ask("DELETE", _place(worker), repeats=True)


class AsyncGarbage:
    """What can go from the storage: orphans, and what projects keep no longer. For operators."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def find(self) -> GarbageList:
        """All that could be deleted now, up to a thousand things."""
        return await self._ask("GET", repeats=True)

    async def collect(self) -> GarbageList:
        """Delete it, up to a thousand things; `has_more` says that more is left."""
        return await self._ask("DELETE", repeats=False)  # the second answer would tell nothing of what has gone

    async def _ask(self, verb: str, *, repeats: bool) -> GarbageList:
        answer = await self._transport.ask(verb, "/garbage", repeats=repeats, timeout=_LOOK)
        return GarbageList.model_validate_json(answer.content)


def _place(worker: str) -> str:
    return f"/drains/{quote(worker, safe='')}"
