"""A message of a stream, as the service tells it."""

from dataclasses import dataclass
from typing import Any

END = "end"


@dataclass(frozen=True)
class StreamMessage:
    """What a job told. docs/streaming.md tells what the data of each type holds."""

    type: str
    """`job`, `event`, `sample`, `metric`, `log` or `end`; a newer service may know more."""
    id: str | None
    """Where to go on behind it."""
    data: dict[str, Any]


def behind(*, event: int = 0, log: int = 0) -> str:
    """The id of a message behind which come later events, or later lines of the log; of points and samples all."""
    return f"e{event}-s0-m0-l{log}"
