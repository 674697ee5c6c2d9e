"""Server-sent events, as they are read."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

TYPES = ("event", "sample", "metric", "log")


@dataclass(frozen=True)
class Message:
    """One of them."""

    type: str
    id: str | None
    data: Any


def parse(block: str) -> Message | None:
    """A message from its lines; None if it is only a ping or the greeting."""
    fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
    if "data" not in fields:
        return None
    return Message(fields["event"], fields.get("id"), json.loads(fields["data"]))


def parse_all(text: str) -> list[Message]:
    """Every whole message in a text."""
    return [message for block in text.split("\n\n")[:-1] if (message := parse(block))]


def facts(messages: Iterable[Message]) -> dict[str, list[Any]]:
    """What was told of each type, without regard to how points were put together."""
    told: dict[str, list[Any]] = {type_: [] for type_ in TYPES}
    for message in messages:
        if message.type == "metric":
            attempt, step = message.data["attempt"], message.data["step"]
            told["metric"] += [(attempt, step, name, value) for name, value in message.data["values"].items()]
        elif message.type in told:
            told[message.type].append(message.data.get("id") or message.data["event_id"])
    return told
