"""Something that is done while the caller goes on."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def begin(work: Callable[[], T], name: str) -> "Future[T]":
    """Have something done in a thread of its own, which does not keep the process alive."""
    outcome: Future[T] = Future()

    def do() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever asks for the outcome gets it
            outcome.set_exception(error)

    threading.Thread(target=do, name=name, daemon=True).start()
    return outcome
