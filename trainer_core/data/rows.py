"""One training row in OpenAI's chat format, as it stands in a line of JSONL. Images are still encoded in it."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from trainer_core.contract.closed import Closed

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


def _form_of(content: Any) -> str:
    return FORMS[0] if isinstance(content, str) else FORMS[1]


class Message(Closed):
    """One turn."""

    role: Literal["system", "user", "assistant"]
    content: Annotated[Annotated[str, Tag(FORMS[0])] | Annotated[Parts, Tag(FORMS[1])], Discriminator(_form_of)]
    weight: Literal[0, 1] = 1
    """0 leaves an assistant's turn out of the loss."""

    @property
    def parts(self) -> tuple[TextPart | ImagePart, ...]:
        """The content as parts, whichever way it was written."""
        if isinstance(self.content, str):
            return (TextPart(type="text", text=self.content),)
        return self.content

    @property
    def words(self) -> str:
        """The text of the content, its images left out."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def is_trained(self) -> bool:
        """True if the loss is taken on this turn."""
        return self.role == "assistant" and self.weight == 1


class Row(Closed):
    """A conversation."""

    messages: Annotated[tuple[Message, ...], Field(strict=False, fail_fast=True)]

    def images(self) -> Iterator[tuple[int, ImagePart]]:
        """Every image in its order, with the index of its message."""
        for index, message in enumerate(self.messages):
            yield from ((index, part) for part in message.parts if isinstance(part, ImagePart))
