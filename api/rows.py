"""Rows of a dataset as a person looks at them: a few at a time from any place, images as addresses of their own.

A row's place is where its line begins, in bytes: what is read for a page is the page, wherever it is.
"""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from api.pictures import content_of

_ENOUGH_BYTES = 8 << 20
"""Of lines, after which a page is full."""


class RowNotFound(Exception):
    """No row of the dataset begins there."""

    def __init__(self, place: int) -> None:
        super().__init__(f"no row begins at byte {place}; GET /datasets/ID/preview tells where each does")


@dataclass(frozen=True)
class Row:
    """One row, images still in it."""

    place: int
    num_bytes: int
    content: dict[str, Any]


def after(file: IO[bytes], place: int, limit: int) -> Iterator[Row]:
    """Rows from the first that begins at a place or behind it.

    Args:
        file: JSONL in OpenAI's format.
        place: In bytes.
        limit: Most rows; fewer come where they are large.
    """
    place = min(place, file.seek(0, io.SEEK_END))
    file.seek(max(place - 1, 0))
    if place:
        file.readline()  # the end of the line before
    begin = file.tell()
    num_rows = 0
    while num_rows < limit and file.tell() - begin < _ENOUGH_BYTES:
        at = file.tell()
        line = file.readline()
        if not line:
            return
        if line.strip():
            num_rows += 1
            yield Row(at, len(line), json.loads(line))


def at(file: IO[bytes], place: int) -> Row:
    """The row that begins at a place.

    Raises:
        RowNotFound: None does.
    """
    row = next(after(file, place, 1), None)
    if row is None or row.place != place:
        raise RowNotFound(place)
    return row


def with_addresses(row: Row, address: Callable[[int], str]) -> dict[str, Any]:
    """A row's content, its images by their addresses, which follow from their numbers."""
    numbers = iter(range(row.num_bytes))
    content: dict[str, Any] = _replaced(row.content, lambda _: address(next(numbers)))
    return content


def image(row: Row, number: int) -> bytes:
    """The bytes of one of a row's images, counted from 0; none if there are not as many."""
    urls: list[str] = []

    def keep(url: str) -> str:
        urls.append(url)
        return url

    _replaced(row.content, keep)
    return content_of(urls[number]) if number < len(urls) else b""


def _replaced(part: Any, url_for: Callable[[str], str]) -> Any:
    """The same JSON with other URLs of images."""
    if isinstance(part, list):
        return [_replaced(one, url_for) for one in part]
    if not isinstance(part, dict):
        return part
    if part.get("type") == "image_url" and isinstance(shown := part.get("image_url"), dict):
        return part | {"image_url": shown | {"url": url_for(str(shown.get("url")))}}
    return {name: _replaced(one, url_for) for name, one in part.items()}
