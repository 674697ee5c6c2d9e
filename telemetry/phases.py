"""Spans of what follows each other: each begins where the one before it ends."""

from datetime import datetime
from typing import Self

from telemetry.traces import Traces, current, moment

_MOST = 500
"""Phases that are told apart; the last one holds all behind it."""


class Phases:
    """The phases of what is done now, from the first to the end of the block."""

    def __init__(self, traces: Traces, first: str) -> None:
        self._traces = traces
        self._parent = current()
        self._name, self._since = first, moment()
        self._left = _MOST

    def enter(self, name: str, at: datetime) -> None:
        """Come to the next one."""
        if self._left > 1:
            self._left -= 1
            self._traces.record(self._name, self._since, at, parent=self._parent)
            self._name, self._since = name, at

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._traces.record(self._name, self._since, moment(), parent=self._parent)
