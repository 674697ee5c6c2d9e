"""Patience for what a stranger wrote: it may compute for so long and no longer.

It counts the processor's time, not the clock's, so that a busy host makes nobody too slow.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class TookTooLong(Exception):
    """It computed for longer than it may."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt what is done inside once it has computed for so long.

    Only Python's main thread can be interrupted; in others nothing is bounded. One inside another does not count anew.

    Raises:
        TookTooLong: It was interrupted.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getitimer(signal.ITIMER_VIRTUAL)[0]:
        yield
        return

    def interrupt(*_: object) -> None:
        raise TookTooLong(f"it was ended after it had computed for {seconds:g} s")

    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
