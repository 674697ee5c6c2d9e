"""Whatever is broken in a zip, it is told as a fault of the file, whether rows or images are read from it."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.trainer_core.data.forms import converted, png, write_zip
from trainer_core.data.conversion import check_images
from trainer_core.data.images import InvalidImage
from trainer_core.data.sources import ZipImages

ROWS = '{"messages":[{"role":"user","content":"two?"},{"role":"assistant","content":"2"}]}\n' * 20
_CONTENT = 30
"""Bytes of the header before a file's name, which its content follows."""
_DIRECTORY, _END = b"PK\x01\x02", b"PK\x05\x06"


def spoil_content(content: bytearray, name: str) -> None:
    first = _CONTENT + len(name) + 9  # LZMA's own header stays as it is
    content[_CONTENT + len(name)] |= 7
    content[first : first + 40] = b"\xff" * 40


def demand_version(content: bytearray, _: str) -> None:
    content[content.index(_DIRECTORY) + 6] = 255


def misname(content: bytearray, _: str) -> None:
    entry = content.index(_DIRECTORY)
    content[entry + 9] |= 8  # the name is UTF-8
    content[entry + 46] = 0xFF


def move_before_the_beginning(content: bytearray, _: str) -> None:
    content[content.index(_END) + 16 : content.index(_END) + 20] = (1 << 20).to_bytes(4, "little")


ACCIDENTS = pytest.mark.parametrize(
    ("compression", "spoil"),
    [
        (zipfile.ZIP_DEFLATED, spoil_content),
        (zipfile.ZIP_BZIP2, spoil_content),
        (zipfile.ZIP_LZMA, spoil_content),
        (zipfile.ZIP_STORED, demand_version),
        (zipfile.ZIP_STORED, misname),
        (zipfile.ZIP_STORED, move_before_the_beginning),
    ],
    ids=["deflated", "bzip2", "lzma", "version", "name", "place"],
)
Spoil = Callable[[bytearray, str], None]


def spoilt(path: Path, name: str, inside: bytes | str, compression: int, spoil: Spoil) -> Path:
    content = bytearray(write_zip(path, {name: inside}, compression).read_bytes())
    spoil(content, name)
    path.write_bytes(content)
    return path


@ACCIDENTS
def test_rows_in_a_broken_zip_are_a_fault_of_the_file(tmp_path: Path, compression: int, spoil: Spoil) -> None:
    path = spoilt(tmp_path / "rows.zip", "rows.jsonl", ROWS, compression, spoil)

    report, _ = converted(path)

    assert [fault.code for fault in report.faults] == ["invalid_file"]


@ACCIDENTS
def test_an_image_in_a_broken_zip_is_refused(tmp_path: Path, compression: int, spoil: Spoil) -> None:
    path = spoilt(tmp_path / "images.zip", "a.png", png("red") * 20, compression, spoil)

    if spoil in (demand_version, misname):
        assert [fault.code for fault in check_images(path).faults] == ["invalid_image"]
        return
    with pytest.raises(InvalidImage, match="cannot be read from the zip"):
        ZipImages(path).read("a.png")
