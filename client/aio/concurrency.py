"""Waiting, files, and several things at a time, as an event loop does them.

`client/sync/concurrency.py` has the same by threads. All else in this folder is written once, here.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import ParamSpec, TypeVar

import anyio
from anyio.lowlevel import checkpoint
from anyio.to_thread import run_sync

__all__ = ["blocking", "checkpoint", "each", "sleep"]

P = ParamSpec("P")
T = TypeVar("T")
sleep = anyio.sleep


async def blocking(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a function gives that waits for a disk or computes for long."""
    return await run_sync(lambda: function(*args, **kwargs))


async def each(function: Callable[[T], Awaitable[object]], items: Iterable[T], *, at_a_time: int) -> None:
    """Call a function with every item; the first error ends the other calls, at their next checkpoint."""
    limiter = anyio.Semaphore(at_a_time)

    async def call(item: T) -> None:
        async with limiter:
            await function(item)

    try:
        async with anyio.create_task_group() as group:
            for item in items:
                group.start_soon(call, item)
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from several
