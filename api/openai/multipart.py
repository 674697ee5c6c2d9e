"""A form with one file, as browsers and OpenAI's clients send it: the file goes to disk, fields are few and short.

It knows no table and no purpose. Memory holds one chunk of the body, whatever the body is.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from api.openai.parameters import BadParameter
from api.uploads import Received, receive

_MAX_PARTS = 16
_MAX_FIELD_BYTES = 16 * 1024
_OVERHEAD_BYTES = (_MAX_PARTS + 1) * (_MAX_FIELD_BYTES + 8 * 4224)
"""That a body may have beside its file: fields, and the headers of parts."""


@dataclass(frozen=True)
class Form:
    """What a form held."""

    fields: Mapping[str, str]
    filename: str
    received: Received


async def read_form(request: Request, name: str, path: Path, max_bytes: int) -> Form:
    """Read a form, its one file to `path`.

    Args:
        request: Whose body it is.
        name: Of the field that holds the file.
        path: Where the file goes.
        max_bytes: The most that the file may have.

    Raises:
        BadParameter: It is none, is too long beside its file, or has no such file.
        DatasetTooLarge: The file is larger.
    """
    kind, options = parse_options_header(request.headers.get("Content-Type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise BadParameter(None, "send a form: Content-Type: multipart/form-data, with a boundary")
    reading = _Reading(name)
    received = await receive(reading.file(request.stream(), options[b"boundary"]), path, max_bytes)
    if reading.filename is None:
        raise BadParameter(name, "the form has no such file")
    return Form(reading.fields, reading.filename, received)


class _Reading:
    """What has been read of a form so far."""

    def __init__(self, name: str) -> None:
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self._name = name
        self._pieces: list[bytes] = []
        """Of the file, since the last chunk."""
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._field: str | None = None
        """Name of the field that is being read; None while it is the file."""
        self._field_bytes = bytearray()
        self._num_parts = 0
        self._num_beside = 0
        """Bytes that were not the file's."""
        self._is_whole = False

    async def file(self, body: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[bytes]:
        """The bytes of the file, as they come."""
        try:
            parser = MultipartParser(boundary, cast("Any", self._callbacks()))
            async for chunk in body:
                parser.write(chunk)
                pieces, self._pieces = self._pieces, []
                self._count(len(chunk) - sum(map(len, pieces)))
                for piece in pieces:
                    yield piece
            parser.finalize()
        except FormParserError as error:
            raise BadParameter(None, f"the form cannot be read: {error}") from error
        if not self._is_whole:
            raise BadParameter(None, "the form breaks off before its end")

    def _count(self, num_bytes: int) -> None:
        self._num_beside += num_bytes
        if self._num_beside > _OVERHEAD_BYTES:
            raise BadParameter(None, "the form holds too much beside its file")

    def _callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._begin_part,
            "on_header_begin": self._begin_header,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_content,
            "on_part_data": self._take,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin_part(self) -> None:
        self._num_parts += 1
        if self._num_parts > _MAX_PARTS:
            raise BadParameter(None, f"the form has more than {_MAX_PARTS} parts")
        self._disposition = b""

    def _begin_header(self) -> None:
        self._header.clear()
        self._value.clear()

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)

    def _begin_content(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode(errors="replace")
        self._field_bytes.clear()
        self._field = name
        if b"filename" in options and name == self._name:
            if self.filename is not None:
                raise BadParameter(name, "the form has two such files")
            self.filename = _plain(options[b"filename"].decode(errors="replace"))
            self._field = None

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._pieces.append(data[start:end])
            return
        self._field_bytes += data[start:end]
        if len(self._field_bytes) > _MAX_FIELD_BYTES:
            raise BadParameter(self._field, f"longer than {_MAX_FIELD_BYTES} bytes")

    def _end_part(self) -> None:
        if self._field is not None:
            self.fields[self._field] = self._field_bytes.decode(errors="replace")

    def _end(self) -> None:
        self._is_whole = True


def _plain(filename: str) -> str:
    """A name without folders or control characters, of a length that can be kept."""
    name = "".join(one for one in filename.replace("\\", "/").rsplit("/", 1)[-1] if one.isprintable())
    return name[-255:] or "file"
