"""Which characters of a rendered conversation are the assistant's: by what each turn adds to the rendering.

No marker is ever searched for, so control tokens that a user typed cannot pass for a turn.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from trainer_core.data.rows import Message

Span = tuple[int, int]


class Render(Protocol):
    """A chat template."""

    def __call__(self, messages: Sequence[Mapping[str, Any]], *, add_generation_prompt: bool) -> str:
        """Write messages out, and the beginning of an assistant's turn after them if asked."""


class UnstableTemplate(ValueError):
    """The chat template writes earlier turns differently once later ones follow."""


def assistant_spans(
    messages: Sequence[Message], templated: Sequence[Mapping[str, Any]], render: Render
) -> tuple[str, list[Span]]:
    """The whole rendering, and the characters in it on which the loss is taken: trained answers with their stop tokens.

    Args:
        messages: The turns, of which those with `is_trained` count.
        templated: The same turns as the chat template takes them.
        render: The chat template.

    Raises:
        UnstableTemplate: Some turn's rendering is not a beginning of the whole.
    """
    whole = render(templated, add_generation_prompt=False)
    spans = []
    for index, message in enumerate(messages):
        if not message.is_trained:
            continue
        before = render(templated[:index], add_generation_prompt=True)
        is_last = index == len(messages) - 1
        through = whole if is_last else render(templated[: index + 1], add_generation_prompt=False)
        if not (whole.startswith(before) and whole.startswith(through)):
            raise UnstableTemplate(
                f"it writes message {index} differently once others follow; make a row of its own for each answer"
            )
        spans.append((len(before), len(through.rstrip())))
    return whole, spans


def shifted(span: Span, replacements: Sequence[Mapping[str, Any]]) -> Span:
    """Where a span lies once image placeholders before it have been written out.

    Args:
        span: Characters before the placeholders were replaced.
        replacements: A processor's `text_replacement_offsets` of that row, in their order.
    """
    return _shifted(span[0], replacements), _shifted(span[1], replacements)


def _shifted(place: int, replacements: Sequence[Mapping[str, Any]]) -> int:
    gained = 0
    for one in replacements:
        if one["span"][1] <= place:
            gained = one["new_span"][1] - one["span"][1]
    return place + gained
