"""Several things at a time: by threads, and by an event loop."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from client.aio import concurrency as by_loop
from client.sync import concurrency as by_threads

PATIENCE_SECONDS = 180


def test_threads_work_so_many_at_a_time() -> None:
    both = threading.Barrier(2, timeout=PATIENCE_SECONDS)

    by_threads.each(lambda _: both.wait(), range(4), at_a_time=2)

    assert not both.broken


def test_an_error_ends_the_other_threads_at_their_next_checkpoint() -> None:
    has_begun = threading.Event()

    def call(item: int) -> None:
        if item == 0:
            has_begun.wait(PATIENCE_SECONDS)
            raise ValueError("no")
        has_begun.set()
        while True:
            by_threads.checkpoint()

    with pytest.raises(ValueError, match="no"):
        by_threads.each(call, range(3), at_a_time=2)


def test_nothing_ends_at_a_checkpoint_while_all_goes_well() -> None:
    seen: list[int] = []

    def call(item: int) -> None:
        by_threads.checkpoint()
        seen.append(item)

    by_threads.each(call, range(3), at_a_time=2)
    by_threads.checkpoint()

    assert sorted(seen) == [0, 1, 2]


def in_loop(call: Callable[[int], object], num: int, at_a_time: int) -> None:
    async def later(item: int) -> None:
        await by_loop.checkpoint()
        call(item)
        await by_loop.checkpoint()

    asyncio.run(by_loop.each(later, range(num), at_a_time=at_a_time))


def test_a_loop_calls_each() -> None:
    seen: list[int] = []

    in_loop(seen.append, 4, 2)

    assert sorted(seen) == [0, 1, 2, 3]


def test_an_error_in_a_loop_is_told_as_it_is() -> None:
    def call(item: int) -> None:
        if item == 1:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        in_loop(call, 3, 2)
