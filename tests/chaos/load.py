"""Requests at a given pace, whether or not those before have been answered."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from itertools import count

import httpx2

from tests.patience import PATIENCE_SECONDS

NO_ANSWER = 0


@dataclass(frozen=True)
class Answer:
    """How a request ended."""

    status: int
    seconds: float
    """From when it was due, so that one that was sent late because of others is late."""


Send = Callable[[httpx2.AsyncClient, int], Coroutine[None, None, httpx2.Response]]
"""Sends the request of this number."""


async def at_pace(url: str, send: Send, per_second: float, seconds: float) -> list[Answer]:
    """Every answer, in the order in which they were asked for."""
    limits = httpx2.Limits(max_connections=64)
    async with (
        httpx2.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS, trust_env=False, limits=limits) as client,
        asyncio.TaskGroup() as group,
    ):
        begun_at = time.perf_counter()
        asked = []
        for number in count():
            due_at = begun_at + number / per_second
            if due_at - begun_at >= seconds:
                break
            await asyncio.sleep(due_at - time.perf_counter())
            asked.append(group.create_task(_answer(send(client, number), due_at)))
    return [task.result() for task in asked]


async def _answer(request: Coroutine[None, None, httpx2.Response], due_at: float) -> Answer:
    try:
        status = (await request).status_code
    except httpx2.TransportError:
        status = NO_ANSWER
    return Answer(status, time.perf_counter() - due_at)
