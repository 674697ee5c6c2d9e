"""Turns as a chat template takes them, calls of tools and their results in one of the ways in which templates differ.

It knows no template. Which way is one's own is found by writing marks into calls and results: what a template leaves
out is missing from its text, and what it does not take apart stands there in Python's quotes, or in text within text.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from trainer_core.data.rows import ImagePart, Message, TextPart
from trainer_core.data.tools import ToolCall

_MARK = "tuneyard_mark_{}_"
"""Nobody's text; no mark is the beginning of another."""
_MARKS = re.compile(_MARK.format(r"\d+"))
_MISQUOTED = re.compile(rf"'({_MARKS.pattern})'|\\\"({_MARKS.pattern})")
"""Marks as Python writes a text, and as JSON does within a text."""


@dataclass(frozen=True)
class Way:
    """How turns are handed over."""

    has_parts: bool
    """Texts and images are parts, as templates of processors ask for them."""
    parses_arguments: bool = True
    """Those of calls come as objects, as transformers asks for them; else they stay the text that the row has."""
    has_plain_results: bool = True
    """A result is one text, as transformers shows it, whatever other turns have."""


def ways(*, has_parts: bool) -> tuple[Way, ...]:
    """Every way, the usual one first."""
    plain_results = (True, False) if has_parts else (True,)
    return tuple(Way(has_parts, parses, plain) for parses in (True, False) for plain in plain_results)


def templated(messages: Sequence[Message], way: Way) -> list[dict[str, Any]]:
    """Turns as the chat template takes them."""
    names: dict[str, str] = {}
    found = []
    for message in messages:
        found.append(dict(_turn(message, names, way)))
        names |= {call.id: call.function.name for call in message.calls}
    return found


def _turn(message: Message, names: Mapping[str, str], way: Way) -> Iterator[tuple[str, Any]]:
    # Beside calls, no content is an empty text: there are templates that add to it, and none that asks for less.
    is_plain = not way.has_parts or message.content is None or (message.role == "tool" and way.has_plain_results)
    yield "role", message.role
    yield "content", message.words if is_plain else [_part(part) for part in message.parts]
    if name := message.name or names.get(message.tool_call_id or ""):
        yield "name", name
    if message.tool_call_id is not None:
        yield "tool_call_id", message.tool_call_id
    if message.calls:
        yield "tool_calls", [_call(call, way) for call in message.calls]


def _part(part: TextPart | ImagePart) -> dict[str, str]:
    return {"type": "text", "text": part.text} if isinstance(part, TextPart) else {"type": "image"}


def _call(call: ToolCall, way: Way) -> dict[str, Any]:
    called = call.function
    arguments = called.parsed if way.parses_arguments else called.arguments
    return {"id": call.id, "type": call.type, "function": {"name": called.name, "arguments": arguments}}


@dataclass(frozen=True)
class Marked:
    """Turns with a mark in each call and each result."""

    messages: tuple[Message, ...]
    marks: Mapping[str, int]
    """The index of each mark's message."""

    @classmethod
    def of(cls, messages: Sequence[Message]) -> Self:
        """Mark turns."""
        marks: dict[str, int] = {}

        def mark(index: int) -> str:
            marks[made := _MARK.format(len(marks))] = index
            return made

        return cls(tuple(_marked(one, partial(mark, index)) for index, one in enumerate(messages)), marks)

    def lost_in(self, text: str) -> int | None:
        """The index of the first message of which a chat template has not written a call or result as it is."""
        misquoted = {mark for both in _MISQUOTED.findall(text) for mark in both}
        written = set(_MARKS.findall(text)) - misquoted
        return next((index for mark, index in self.marks.items() if mark not in written), None)


def _marked(message: Message, mark: Callable[[], str]) -> Message:
    if message.role == "tool":
        return message.model_copy(update={"content": mark()})
    if message.calls:
        return message.model_copy(update={"tool_calls": tuple(call.with_argument(mark()) for call in message.calls)})
    return message
