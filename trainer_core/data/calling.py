"""Whether a row's tools, its calls and their results fit together."""

from collections import Counter
from collections.abc import Collection, Iterator

from trainer_core.data.rows import AnyRow, Message, Pair

Misfit = tuple[int | None, str]
"""The index of a message, None where it is the whole row's; and what is wrong."""


def misfits(row: AnyRow) -> Iterator[Misfit]:
    """What does not fit together in a row."""
    declared = Counter(tool.function.name for tool in row.tools)
    yield from ((None, f"tools: {name!r} is declared twice") for name, times in declared.items() if times > 1)
    called: set[str] = set()
    for index, message in enumerate(row.messages):
        yield from ((index, reason) for reason in _of_message(message, declared, called))
        called |= {call.id for call in message.calls}
    if isinstance(row, Pair):
        for name in ("preferred_output", "non_preferred_output"):
            [answer] = getattr(row, name)
            yield from ((None, f"{name}: {reason}") for reason in _of_message(answer, declared, called))


def _of_message(message: Message, declared: Collection[str], called: Collection[str]) -> Iterator[str]:
    if message.role == "tool" and message.tool_call_id is None:
        yield "tool_call_id: is missing"
    if message.role != "tool" and message.tool_call_id is not None:
        yield f"tool_call_id: belongs to the role tool, not {message.role}"
    if message.tool_calls == ():
        yield "tool_calls: must not be empty"
    if message.role != "assistant" and message.calls:
        yield f"tool_calls: only the assistant calls, not the role {message.role}"
    if message.role == "tool" and message.tool_call_id is not None and message.tool_call_id not in called:
        yield f"tool_call_id: {message.tool_call_id!r} answers no call before it"
    for call in message.calls:
        if call.function.name not in declared:
            yield f"tool_calls: {call.function.name!r} is not declared in tools"
