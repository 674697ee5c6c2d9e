"""Waiting, files, and several things at a time, by threads.

`client/aio/concurrency.py` has the same for event loops.
"""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
sleep = time.sleep
_mine = threading.local()


class _Abandoned(BaseException):
    """Nobody wants what this thread does any more."""


def checkpoint() -> None:
    """End here if another call of the same `each` has failed, or Ctrl-C was pressed."""
    is_over = getattr(_mine, "is_over", None)
    if is_over is not None and is_over.is_set():
        raise _Abandoned


def blocking(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a function gives that waits for a disk or computes for long."""
    return function(*args, **kwargs)


def each(function: Callable[[T], object], items: Iterable[T], *, at_a_time: int) -> None:
    """Call a function with every item; the first error ends the other calls, at their next checkpoint."""
    is_over = threading.Event()
    with ThreadPoolExecutor(at_a_time, initializer=setattr, initargs=(_mine, "is_over", is_over)) as threads:
        try:
            for done in as_completed([threads.submit(function, item) for item in items]):
                done.result()
        except BaseException:
            is_over.set()
            threads.shutdown(wait=False, cancel_futures=True)
            raise
