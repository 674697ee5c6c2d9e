"""Images put in the places that a row's text has for them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MARKER = "<image>"
_AROUND_MARKER = re.compile(rf"\n?{MARKER}\n?")
"""The chat template writes its own line breaks around an image."""


class NotARow(ValueError):
    """The record cannot be understood as a row."""

    def __init__(self, detail: str, message_index: int | None = None) -> None:
        super().__init__(detail)
        self.message_index = message_index


def with_urls(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages whose parts name images in transformers' way, in OpenAI's; anything else is left to the check."""
    return [
        {**one, "content": [_with_url(part) for part in one["content"]]}
        if isinstance(one.get("content"), list)
        else dict(one)
        for one in messages
    ]


def _with_url(part: Any) -> Any:
    if not isinstance(part, Mapping) or part.get("type") != "image":
        return part
    name = next((part[key] for key in ("image", "url", "path") if isinstance(part.get(key), str)), None)
    return part if name is None else _image_part(name)


def _image_part(name: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": name}}


def placed(turns: Sequence[Mapping[str, Any]], images: Sequence[str]) -> list[dict[str, Any]]:
    """Turns with the images in their places; before the first question where nothing stands for them."""
    left = list(images)
    messages = [_with_images(one, left, images, index) for index, one in enumerate(turns)]
    if left and len(left) < len(images):
        raise NotARow(f"{len(images)} images, but the text has places for {len(images) - len(left)}")
    if left:
        _lead_in(messages, left)
    return messages


def _lead_in(messages: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    """Have images stand before the first question."""
    asked = next((index for index, one in enumerate(messages) if one.get("role") == "user"), None)
    if asked is None:
        raise NotARow(f"{len(names)} images, but no user's message that they could stand in")
    content = messages[asked].get("content", "")
    text = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(text, list):
        raise NotARow("content: must be text, or a list of parts", asked)
    messages[asked]["content"] = [*map(_image_part, names), *text]


def _with_images(message: Mapping[str, Any], left: list[str], images: Sequence[str], index: int) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, str) and message.get("role") == "user" and MARKER in content:
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        return dict(message)
    parts = [piece for part in content for piece in _split(part, message)]
    return {**message, "content": [_filled(part, left, images, index) for part in parts]}


def _split(part: Any, message: Mapping[str, Any]) -> Iterator[Any]:
    """A part of text around its markers; text of others than users is not looked at."""
    text = part.get("text") if isinstance(part, Mapping) and part.get("type") == "text" else None
    if not isinstance(text, str) or message.get("role") != "user" or MARKER not in text:
        yield part
        return
    for number, piece in enumerate(_AROUND_MARKER.split(text)):
        if number:
            yield {"type": "image"}
        if piece:
            yield {"type": "text", "text": piece}


def _filled(part: Any, left: list[str], images: Sequence[str], index: int) -> Any:
    if not isinstance(part, Mapping) or part.get("type") != "image":
        return part
    named = _with_url(part)
    if named is not part:
        if named["image_url"]["url"] in left:
            left.remove(named["image_url"]["url"])
        return named
    if isinstance(number := part.get("index"), int) and 0 <= number < len(images):
        if images[number] in left:
            left.remove(images[number])
        return _image_part(images[number])
    if not left:
        raise NotARow(f"the text has a place for an image, but the row has only {len(images)}", index)
    return _image_part(left.pop(0))
