"""Ctrl-C, SIGTERM and a closed terminal as a wish that is looked at between two steps: once to stop, twice to hurry."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopping:
    """Counts how often it was asked; inside `with`, signals ask."""

    def __init__(self) -> None:
        self._num_asked = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        heard = [number for number in _SIGNALS if number != signal.SIGHUP or not _is_under_nohup()]
        self._before = {number: signal.signal(number, self._hear) for number in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def is_asked(self) -> bool:
        """True once somebody wants the end."""
        return self._num_asked > 0

    @property
    def is_hurried(self) -> bool:
        """True once somebody wants it now."""
        return self._num_asked > 1

    def ask(self) -> None:
        """Ask for the end."""
        self._num_asked += 1

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self.ask()


def _is_under_nohup() -> bool:
    return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
