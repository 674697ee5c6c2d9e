"""One training row in OpenAI's format, as it stands in a line of JSONL: a conversation, or one with two answers.

Images are still encoded in it.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, TypeAdapter

from trainer_core.contract.closed import Closed
from trainer_core.contract.dataset import RowKind
from trainer_core.data.tools import ToolCall, ToolCalls, Tools

MAX_IMAGES = 10
"""Images that one row may have."""


class TextPart(Closed):
    """A piece of text."""

    type: Literal["text"]
    text: str


class ImageUrl(Closed):
    """Where an image is; only data URLs are read."""

    url: str
    detail: Literal["auto", "low", "high"] = "auto"
    """Taken for compatibility; the model's image processor decides the size."""


class ImagePart(Closed):
    """A picture."""

    type: Literal["image_url"]
    image_url: ImageUrl


# Fail fast: one fault is told, rather than one for each of a million items.
Parts = Annotated[
    tuple[Annotated[TextPart | ImagePart, Field(discriminator="type")], ...], Field(strict=False, fail_fast=True)
]


FORMS = ("written as text", "written as parts")
"""How a content may be written; no key of a row, so that places of faults can leave it out."""
KINDS = ("as a conversation", "as a pair")
"""The same for a row."""


def _form_of(content: Any) -> str:
    return FORMS[0] if isinstance(content, str) else FORMS[1]


class Message(Closed):
    """One turn."""

    role: Literal["system", "user", "assistant", "tool"]
    content: (
        Annotated[Annotated[str, Tag(FORMS[0])] | Annotated[Parts, Tag(FORMS[1])], Discriminator(_form_of)] | None
    ) = None
    """None where the assistant calls and says nothing."""
    name: str | None = None
    """Whose turn it is; few chat templates write it."""
    tool_calls: ToolCalls | None = None
    tool_call_id: str | None = None
    """Of the call whose result a message of the role tool is."""
    weight: Literal[0, 1] = 1
    """0 leaves an assistant's turn out of the loss."""

    @property
    def parts(self) -> tuple[TextPart | ImagePart, ...]:
        """The content as parts, whichever way it was written."""
        if isinstance(self.content, str):
            return (TextPart(type="text", text=self.content),)
        return self.content or ()

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """What the assistant calls."""
        return self.tool_calls or ()

    @property
    def words(self) -> str:
        """The text of the content, its images left out."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def is_trained(self) -> bool:
        """True if the loss is taken on this turn."""
        return self.role == "assistant" and self.weight == 1


Messages = Annotated[tuple[Message, ...], Field(strict=False, fail_fast=True)]


class Row(Closed):
    """A conversation."""

    kind: ClassVar[RowKind] = "conversation"
    messages: Messages
    tools: Tools = ()
    parallel_tool_calls: bool | None = None
    """Taken for compatibility; no chat template knows it."""

    @property
    def uses_tools(self) -> bool:
        """True if there is anything in it that not every chat template writes."""
        return bool(self.tools) or any(one.calls or one.role == "tool" for one in self.messages)

    def images(self) -> Iterator[tuple[int, ImagePart]]:
        """Every image in its order, with the index of its message."""
        for index, message in enumerate(self.messages):
            yield from ((index, part) for part in message.parts if isinstance(part, ImagePart))

    def texts(self) -> Iterator[tuple[int | None, str]]:
        """Whatever a chat template may write of it, with the index of its message; None for what tools are there."""
        yield from ((None, _json(tool.as_declared())) for tool in self.tools)
        for index, message in enumerate(self.messages):
            own = (message.words, message.name, message.tool_call_id)
            yield from ((index, text) for text in own if text)
            yield from ((index, f"{call.id} {_json(call.function.parsed)}") for call in message.calls)

    def with_messages(self, messages: tuple[Message, ...]) -> Self:
        """The same with others in the place of `messages`."""
        return self.model_copy(update={"messages": messages})


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


class Input(Closed):
    """What both answers of a pair answer."""

    messages: Messages
    tools: Tools = ()
    parallel_tool_calls: bool | None = None


class Pair(Closed):
    """Two answers to one conversation, of which the first is the better one."""

    kind: ClassVar[RowKind] = "pair"
    input: Input
    preferred_output: Messages
    non_preferred_output: Messages

    @property
    def messages(self) -> tuple[Message, ...]:
        """What is answered; images stand nowhere else."""
        return self.input.messages

    @property
    def tools(self) -> Tools:
        """What both answers may call."""
        return self.input.tools

    @property
    def parallel_tool_calls(self) -> bool | None:
        """Taken for compatibility."""
        return self.input.parallel_tool_calls

    def images(self) -> Iterator[tuple[int, ImagePart]]:
        """Every image in its order, with the index of its message."""
        return Row(messages=self.messages).images()

    def with_messages(self, messages: tuple[Message, ...]) -> Self:
        """The same with others in the place of `messages`."""
        return self.model_copy(update={"input": self.input.model_copy(update={"messages": messages})})

    def answered(self) -> tuple[Row, Row]:
        """The conversation with either answer, of which alone the loss is taken: the preferred one, then the other."""
        asked = tuple(
            one.model_copy(update={"weight": 0}) if one.role == "assistant" else one for one in self.input.messages
        )
        whole = Row(messages=asked, tools=self.tools)
        return (
            whole.with_messages((*asked, *self.preferred_output)),
            whole.with_messages((*asked, *self.non_preferred_output)),
        )


def _kind_of(content: Any) -> str:
    outputs = {"preferred_output", "non_preferred_output"}
    return KINDS[isinstance(content, dict) and not outputs.isdisjoint(content)]


AnyRow = Row | Pair
ANY_ROW: TypeAdapter[AnyRow] = TypeAdapter(
    Annotated[Annotated[Row, Tag(KINDS[0])] | Annotated[Pair, Tag(KINDS[1])], Discriminator(_kind_of)]
)
"""Reads a row of either kind."""
