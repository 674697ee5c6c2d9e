"""How much of what one attempt says is kept: a trainer that never stops talking fills no database."""

from collections import Counter
from typing import Literal

from trainer_core.contract.events import (
    CheckpointDeleted,
    CheckpointSaved,
    RunEvent,
    RunFailed,
    RunSucceeded,
    StepCompleted,
    Truncated,
)

MOST = {"log": 100_000, "steps": 2_000_000, "events": 20_000}
"""Lines, steps with their metrics, and events of every other kind."""
_MAX_LINE_CHARACTERS = 8_192
_ALWAYS = CheckpointSaved | CheckpointDeleted | RunSucceeded | RunFailed
"""What says which files there are, and the last word."""


class Cap:
    """Counts what an attempt has said."""

    def __init__(self) -> None:
        self._num_said: Counter[str] = Counter()

    def kept(self, said: RunEvent | str) -> RunEvent | str | None:
        """What of it is kept: itself, or, once, that no more of its kind is, or nothing."""
        if isinstance(said, _ALWAYS):
            return said
        kind: Literal["log", "steps", "events"]
        kind = "log" if isinstance(said, str) else "steps" if isinstance(said, StepCompleted) else "events"
        self._num_said[kind] += 1
        over = self._num_said[kind] - MOST[kind]
        if over <= 0:
            return said
        return Truncated(what=kind, most=MOST[kind]) if over == 1 else None


def shortened(line: str) -> str:
    """What of a line of the log is kept; the rest is told by its length."""
    line = line.rstrip("\n").replace("\0", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL keeps no NUL
    if len(line) <= _MAX_LINE_CHARACTERS:
        return line
    return f"{line[:_MAX_LINE_CHARACTERS]} … ({len(line)} characters)"
