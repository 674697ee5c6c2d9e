"""Hearing early that the process is asked to end: servers end the lifespan only after the last connection."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def told_of_end(callback: Callable[[], None]) -> Iterator[None]:
    """Call back in the event loop at SIGTERM and SIGINT, before the server's own handlers see them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    found = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    handlers = {number: handler for number, handler in found.items() if callable(handler)}

    def hear(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(callback)
        handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, hear)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
