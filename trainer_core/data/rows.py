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


Parts = Annotated[
    tuple[Annotated[TextPart | ImagePart, Field(discriminator="type")], ...], Field(strict=False, min_length=1)
]


def _form_of(content: Any) -> str:
    return "text" if isinstance(content, str) else "parts"


class Message(Closed):
    """One turn."""

    role: Literal["system", "user", "assistant"]
    content: Annotated[Annotated[str, Tag("text")] | Annotated[Parts, Tag("parts")], Discriminator(_form_of)]
    weight: Literal[0, 1] = 1
    """0 leaves an assistant's turn out of the loss."""

    @property
    def parts(self) -> tuple[TextPart | ImagePart, ...]:
        """The content as parts, whichever way it was written."""
        if isinstance(self.content, str):
            return (TextPart(type="text", text=self.content),)
        return self.content

    @property
    def is_trained(self) -> bool:
        """True if the loss is taken on this turn."""
        return self.role == "assistant" and self.weight == 1


class Row(Closed):
    """A conversation."""

    messages: Annotated[tuple[Message, ...], Field(strict=False, min_length=1)]

    def images(self) -> Iterator[tuple[int, ImagePart]]:
        """Every image in its order, with the index of its message."""
        for index, message in enumerate(self.messages):
            yield from ((index, part) for part in message.parts if isinstance(part, ImagePart))
