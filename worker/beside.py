"""Something that takes long, and what must go on meanwhile."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from contextvars import copy_context
from threading import Thread
from typing import TypeVar

_LOOK_SECONDS = 0.2
Result = TypeVar("Result")


def beside(work: Callable[[], Result], meanwhile: Callable[[], None]) -> Result:
    """Do `work` in a thread and call `meanwhile` again and again until it is done.

    An error of either is raised; one of `meanwhile` leaves the work to end by itself, or with the process.
    """
    done: Future[Result] = Future()
    Thread(target=copy_context().run, args=(_do, work, done), daemon=True).start()
    while not wait([done], _LOOK_SECONDS).done:
        meanwhile()
    return done.result()


def await_all(threads: Iterable[Thread], seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Wait for threads to end, for all of them together no longer than `seconds`."""
    until = clock() + seconds
    for thread in threads:
        thread.join(max(0.0, until - clock()))


def _do(work: Callable[[], Result], done: Future[Result]) -> None:
    try:
        done.set_result(work())
    except BaseException as error:  # noqa: BLE001 - whoever waits raises it
        done.set_exception(error)
