"""Good files of rows in every form, and what chance makes of them: bytes flipped, cut, doubled, joined, put in."""

import json
import random
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.tooled import whole
from tests.unit.trainer_core.data.forms import llava, png, write_json, write_parquet, write_tar, write_zip

_CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": "7"}]}
_PUT_IN = (
    bytes(64),
    b"\xff\xfe\xef\xbb\xbf",
    b"[" * 5_000,
    b'{"a":' * 5_000,
    b"9" * 5_000,
    b"-1e999",
    b"NaN",
    b"\\ud800",
    b'"' + b"x" * 50_000 + b'"',
    b"null",
    b"\xff\xff\xff\x7f",
    b"../../../../etc/passwd",
    b"\n",
    b"PK\x03\x04",
    b"PAR1",
)
"""What readers of JSON, of numbers and of archives may stumble over."""


def good_files(folder: Path) -> Mapping[str, bytes]:
    """The bytes of a good file in each form."""
    path = folder / "good"
    chats = "".join(f"{json.dumps(one)}\n" for one in (_CHAT, whole(), _CHAT, whole(), _CHAT))
    image = {"bytes": png("red"), "path": "a.png"}
    table = [{"messages": _CHAT["messages"], "images": []}, {"messages": _CHAT["messages"], "images": [image]}]
    rows = json.dumps(llava()) + "\n"
    sample = {"0.png": png("red"), "0.txt": b"red", "1.jpg": png("blue"), "1.json": json.dumps(_CHAT).encode()}
    packed: dict[str, bytes | str] = {"a.png": png("red"), "rows.jsonl": rows}
    write: Mapping[str, Callable[[], Path]] = {
        "jsonl": lambda: _written(path, chats.encode()),
        "json": lambda: write_json(path, [_CHAT, whole(), {"instruction": "Add", "input": "1 2", "output": "3"}]),
        "parquet": lambda: write_parquet(path, table),
        "tar": lambda: write_tar(path, sample),
        "zip": lambda: write_zip(path, packed),
        "deflated": lambda: write_zip(path, packed, zipfile.ZIP_DEFLATED),
        "bzip2": lambda: write_zip(path, packed, zipfile.ZIP_BZIP2),
        "lzma": lambda: write_zip(path, packed, zipfile.ZIP_LZMA),
        "packed parquet": lambda: write_zip(path, {"rows.parquet": write_parquet(path, table).read_bytes()}),
        "packed tar": lambda: write_zip(path, {"rows.tar": write_tar(path, sample).read_bytes()}),
    }
    return {form: make().read_bytes() for form, make in write.items()}


def mutated(good: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """A file after one to four accidents."""
    content = bytearray(good)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        chance.choice(_ACCIDENTS)(content, others, chance)
    return bytes(content)


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _flip(content: bytearray, _: list[bytes], chance: random.Random) -> None:
    for _number in range(chance.choice((1, 1, 8, 64))):
        if content:
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _overwrite(content: bytearray, _: list[bytes], chance: random.Random) -> None:
    if content:
        at = chance.randrange(len(content))
        content[at : at + 4] = chance.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", chance.randbytes(4)))


def _cut(content: bytearray, _: list[bytes], chance: random.Random) -> None:
    first, last = _span(content, chance)
    del content[first:last]


def _break_off(content: bytearray, _: list[bytes], chance: random.Random) -> None:
    del content[chance.randint(0, len(content)) :]


def _double(content: bytearray, _: list[bytes], chance: random.Random) -> None:
    first, last = _span(content, chance)
    content[first:first] = content[first:last]


def _splice(content: bytearray, others: list[bytes], chance: random.Random) -> None:
    other = chance.choice(others)
    first, last = _span(other, chance)
    content[chance.randint(0, len(content)) :] = other[first:last]


def _put_in(content: bytearray, _: list[bytes], chance: random.Random) -> None:
    at = chance.randint(0, len(content))
    content[at:at] = chance.choice(_PUT_IN)


def _span(content: bytes | bytearray, chance: random.Random) -> tuple[int, int]:
    first = chance.randint(0, len(content))
    return first, chance.randint(first, len(content))


_ACCIDENTS = (_flip, _flip, _overwrite, _overwrite, _cut, _break_off, _double, _splice, _put_in)
