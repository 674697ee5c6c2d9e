"""Forms are read as they come: in pieces of any size, with bounds on everything but the file."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from api.openai.multipart import Form, read_form
from api.openai.parameters import BadParameter

BOUNDARY = "xyz"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    named = "" if filename is None else f'; filename="{filename}"'
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def read(body: bytes, path: Path, size: int = 7, content_type: str | None = None) -> Form:
    async def receive() -> dict[str, object]:
        nonlocal body
        piece, body = body[:size], body[size:]
        return {"type": "http.request", "body": piece, "more_body": bool(body)}

    kind = content_type or f"multipart/form-data; boundary={BOUNDARY}"
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode())]}
    return asyncio.run(read_form(Request(scope, receive), "file", path, 100_000))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forms") / "file"


@settings(deadline=None)
@given(content=st.binary(max_size=300), size=st.integers(1, 400))
def test_the_file_is_what_was_sent_however_it_comes(path: Path, content: bytes, size: int) -> None:
    whole = read(form(part("purpose", b"batch"), part("file", content, "a.bin")), path, size)

    assert (path.read_bytes(), whole.received.num_bytes) == (content, len(content))
    assert (whole.fields, whole.filename) == ({"purpose": "batch"}, "a.bin")


def test_fields_behind_the_file_are_read(path: Path) -> None:
    assert read(form(part("file", b"x", "a"), part("purpose", b"batch")), path).fields == {"purpose": "batch"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\\\rows.jsonl", "rows.jsonl"), ("a\x07b", "ab"), ("x" * 300, "x" * 255)],
)
def test_a_filename_has_no_folders_and_a_bounded_length(path: Path, sent: str, kept: str) -> None:
    assert read(form(part("file", b"x", sent)), path).filename == kept


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form",
        form(),
        form(part("purpose", b"batch")),
        form(part("other", b"x", "a")),
        form(part("file", b"x")),
        form(part("file", b"x", "a"), part("file", b"y", "b")),
        form(part("purpose", bytes(20_000)), part("file", b"x", "a")),
        form(*[part(f"f{number}", b"") for number in range(20)], part("file", b"x", "a")),
        form(part("file", b"x", "a"))[:-6],
        form(part("x" * 9000, b"")),
        bytes(2_000_000) + form(part("file", b"x", "a")),
        form(part("file", b"x", "a")) + bytes(2_000_000),
    ],
)
def test_what_is_no_form_with_one_file_is_refused(path: Path, body: bytes) -> None:
    with pytest.raises(BadParameter):
        read(body, path, 4096)


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data", "", f"multipart/mixed; boundary={BOUNDARY}"]
)
def test_another_kind_of_body_is_refused(path: Path, kind: str) -> None:
    with pytest.raises(BadParameter):
        read(form(part("file", b"x", "a")), path, content_type=kind or "x")


@pytest.mark.parametrize("boundary", ["y" * 500, "\u00e9"])
def test_a_boundary_that_cannot_be_is_refused(path: Path, boundary: str) -> None:
    with pytest.raises(BadParameter):
        read(form(part("file", b"x", "a")), path, content_type=f"multipart/form-data; boundary={boundary}")
