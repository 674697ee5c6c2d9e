# Made from client/aio/operations.py by `make client-sync`: change that file, not this one.
"""What operators ask of a service as it runs: which workers take nothing new, and what can go from the storage."""

from urllib.parse import quote

import httpx2

from client.http import CONNECT_SECONDS
from client.operation_views import DrainList, GarbageList
from client.sync.transport import Transport

_LOOK = httpx2.Timeout(600, connect=CONNECT_SECONDS)
"""Looking through a large bucket takes minutes."""


class Drains:
    """Which workers are to take nothing new. For operators."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> DrainList:
        """What is asked for, and how far each worker has come."""
        return DrainList.model_validate_json((self._transport.get("/drains")).content)

    def create(self, worker: str, *, gives_back: bool = False) -> DrainList:
        """Have a worker take nothing new.

        Args:
            worker: Its name; `*` stands for all, those that are still to come too.
            gives_back: Running jobs save and go back to the queue; else they end first.
        """
        answer = self._transport.ask("PUT", _place(worker), repeats=True, params={"gives_back": gives_back})
        return DrainList.model_validate_json(answer.content)

    def delete(self, worker: str) -> None:
        """Have a worker take jobs again; `*` stands for all."""
        self._transport.ask("DELETE", _place(worker), repeats=True)


class Garbage:
    """What can go from the storage: orphans, and what projects keep no longer. For operators."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(self) -> GarbageList:
        """All that could be deleted now, up to a thousand things."""
        return self._ask("GET", repeats=True)

    def collect(self) -> GarbageList:
        """Delete it, up to a thousand things; `has_more` says that more is left."""
        return self._ask("DELETE", repeats=False)  # the second answer would tell nothing of what has gone

    def _ask(self, verb: str, *, repeats: bool) -> GarbageList:
        answer = self._transport.ask(verb, "/garbage", repeats=repeats, timeout=_LOOK)
        return GarbageList.model_validate_json(answer.content)


def _place(worker: str) -> str:
    return f"/drains/{quote(worker, safe='')}"
