"""Files made to do harm, given to the program that checks what people upload (S6, S7, S13): each is answered."""

import base64
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.unit import peaks
from trainer_core.contract.dataset import DatasetReport
from trainer_core.contract.errors import InvalidDataset
from trainer_core.data import records

ROW = json.dumps({"messages": [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": "7"}]}).encode()
DEEP = b"[" * 100_000 + b"]" * 100_000


@dataclass(frozen=True)
class Checked:
    """What the program answered, and what that took."""

    report: DatasetReport
    peak_bytes: int

    @property
    def codes(self) -> list[tuple[str, int | None]]:
        return [(fault.code, fault.line) for fault in self.report.faults]


def check(path: Path, *options: str) -> Checked:
    """Run it as the service does; it must answer, whatever the file is."""
    program = [sys.executable, "-m", peaks.__name__, "trainer_core.data"]
    command = [*program, str(path), "--output", f"{path}.rows", *options]
    told = subprocess.run(command, capture_output=True, check=False)
    assert told.returncode in (0, 1)
    return Checked(DatasetReport.model_validate_json(told.stdout), int(told.stderr.splitlines()[-1]))


def with_image(url: str) -> bytes:
    parts = [{"type": "image_url", "image_url": {"url": url}}]
    return json.dumps(
        {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "7"}]}
    ).encode()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(side: int, *more: bytes) -> bytes:
    """A black square of a bit a pixel, a few kilobytes however large it is."""
    packer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    content = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), *more, chunk(b"IDAT", content), chunk(b"IEND", b""))
    )


def animated(num_frames: int, side: int) -> bytes:
    """An APNG that says it has many frames, all of them of the first one's size."""
    control = chunk(b"acTL", struct.pack(">II", num_frames, 0))
    frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, side, side, 0, 0, 1, 1, 0, 0))
    return png(side, control, frame)


def saved(kind: str) -> bytes:
    encoded = BytesIO()
    Image.effect_noise((64, 64), 64).save(encoded, kind)
    return encoded.getvalue()


def fits() -> bytes:
    cards = [
        "SIMPLE  =                    T",
        "BITPIX  =                    8",
        "NAXIS   =                    0",
        "END",
    ]
    return "".join(card.ljust(80) for card in cards).ljust(2880).encode()


@pytest.fixture(scope="module")
def plain_bytes(tmp_path_factory: pytest.TempPathFactory) -> int:
    """What the program takes for one plain row."""
    path = tmp_path_factory.mktemp("plain") / "rows.jsonl"
    path.write_bytes(ROW)
    return check(path).peak_bytes


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (lambda: png(20_000), "more than 40 million pixels"),
        (lambda: png(6_400), "more than 40 million pixels"),
        (fits, "not a PNG, JPEG or WebP image"),
        (lambda: saved("JPEG")[:700], "not a whole image"),
        (lambda: saved("PNG")[:-40], "not a whole image"),
        (lambda: saved("GIF"), "not a PNG, JPEG or WebP image"),
        (lambda: saved("TIFF"), "not a PNG, JPEG or WebP image"),
        (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a PNG, JPEG or WebP image"),
        (lambda: b"", "not a PNG, JPEG or WebP image"),
        (lambda: animated(2**31 - 1, 20_000), "more than 40 million pixels"),
    ],
    ids=["20000", "6400", "fits", "jpeg", "png", "gif", "tiff", "eps", "empty", "apng"],
)
def test_an_image_that_is_none_or_too_large_is_refused_by_its_row(
    tmp_path: Path, plain_bytes: int, encoded: Callable[[], bytes], reason: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(ROW + b"\n" + with_image(f"data:image/png;base64,{base64.b64encode(encoded()).decode()}"))

    checked = check(path)

    assert checked.codes == [("invalid_image", 2)]
    assert reason in checked.report.faults[0].detail
    assert checked.peak_bytes - plain_bytes < 200_000_000


def test_of_an_animation_only_the_first_frame_is_decoded(tmp_path: Path, plain_bytes: int) -> None:
    path = tmp_path / "rows.jsonl"
    url = f"data:image/png;base64,{base64.b64encode(animated(2**31 - 1, 512)).decode()}"
    path.write_bytes(with_image(url))

    checked = check(path)

    assert checked.report.num_images == 1
    assert checked.peak_bytes - plain_bytes < 50_000_000


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (b"\xef\xbb\xbf" + ROW, []),
        (ROW + b"\r\n" + ROW + b"\r\n", []),
        (ROW + b"\n\n \n" + ROW, []),
        (ROW.replace(b"7", b"x" * 50_000_000), []),
        (b'{"messages": 1, ' + ROW[1:], []),  # the last of two keys counts, as JSON's readers do
        (ROW + b"\n\0", [("not_json", 2)]),
        (ROW + b"\r" + ROW, [("not_json", 1)]),
        (ROW + b"\n" + ROW.replace(b"7", b"\xff"), [("not_utf8", 2)]),
        (ROW + b"\n" + ROW.replace(b"7", b"\\ud800"), [("not_json", 2)]),
        (ROW + b"\n" + ROW.replace(b"7", b"x" * 200_000_000), [("invalid_row", 2)]),
        (ROW + b"\n" + DEEP, [("not_json", 2)]),
        (ROW + b'\n{"conversations":' + DEEP + b"}", [("not_json", 2)]),
        (ROW + b"\n" + b'{"a":' * 100_000 + b"1" + b"}" * 100_000, [("not_json", 2)]),
        (ROW + b"\n" + json.dumps({"messages": DEEP.decode()}).encode(), [("invalid_row", 2)]),
        (ROW + b'\n{"messages": NaN}', [("invalid_row", 2)]),
        (ROW + b'\n{"messages": ' + b"9" * 100_000 + b"}", [("not_json", 2)]),
        (b'[{"messages": ' + DEEP + b"}]", [("not_json", 1)]),
        (b"[" + ROW + b", " + DEEP + b"]", [("not_json", 2)]),
        (b"", [("empty_dataset", None)]),
        (b"\n\r\n ", [("empty_dataset", None)]),
    ],
    ids=["bom", "crlf", "blank", "50 MB", "two keys", "nul", "cr", "not utf-8", "surrogate", "200 MB", "deep list",
         "deep turns", "deep object", "deep text", "nan", "long number", "deep item", "deep second item", "empty",
         "only blanks"],
)  # fmt: skip
def test_odd_rows_are_taken_or_refused_by_their_line(
    tmp_path: Path, content: bytes, codes: list[tuple[str, int | None]]
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)

    assert check(path).codes == codes


Entry = tuple[str | zipfile.ZipInfo, bytes]


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


def zipped(path: Path, *entries: Entry) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([("rows.jsonl", bytes(1 << 30))], "more than 100 times as large as the zip"),
        ([("rows.jsonl", with_image("a.png")), (link("a.png"), b"/etc/passwd")], "not a PNG, JPEG or WebP image"),
        ([(link("rows.jsonl"), b"/etc/passwd")], "expected value"),
        ([("../../rows.jsonl", ROW)], "has no .jsonl"),
        ([("rows.jsonl", with_image("../../../../etc/passwd"))], "no image of this name"),
        ([("rows.jsonl", with_image("/etc/passwd"))], "no image of this name"),
        ([("rows.jsonl", with_image("file:///etc/passwd"))], "no image of this name"),
        ([("a.jsonl", ROW), ("b.parquet", b"")], "several files of rows"),
        ([("rows.tar", b"PK\x03\x04" + bytes(100))], "a zip inside a zip"),
    ],
    ids=["bomb", "link", "linked rows", "up", "image above", "absolute image", "file image", "several", "nested"],
)
def test_a_zip_made_to_do_harm_is_refused_and_nothing_is_unpacked(
    tmp_path: Path, plain_bytes: int, entries: list[Any], reason: str
) -> None:
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)

    checked = check(zipped(folder / "rows.zip", *entries))

    assert reason in checked.report.faults[0].detail
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"rows.zip", "rows.zip.rows"}
    assert checked.peak_bytes - plain_bytes < 200_000_000


def test_a_zip_that_wants_gigabytes_to_be_unpacked_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("rows.jsonl", ROW * 100)
    content = bytearray(path.read_bytes())
    dictionary = content.index(b"rows.jsonl") + len("rows.jsonl") + 5  # behind LZMA's version, size and properties
    content[dictionary : dictionary + 4] = b"\xff" * 4
    path.write_bytes(content)

    checked = check(path)

    assert "takes more memory than one file is given" in checked.report.faults[0].detail


def test_rows_with_an_absolute_path_are_read_from_the_zip_and_never_unpacked(tmp_path: Path) -> None:
    outside = tmp_path / "outside" / "rows.jsonl"

    checked = check(zipped(tmp_path / "rows.zip", (str(outside), ROW)))

    assert checked.report.num_rows == 1
    assert not outside.exists()


def test_rows_that_grow_beyond_their_limit_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "rows.zip", ("rows.jsonl", (ROW + b"\n") * 100_000))

    checked = check(path, "--most-bytes", "1000000")

    assert "more than 1000000 bytes" in checked.report.faults[0].detail
    assert Path(f"{path}.rows").stat().st_size <= 1_000_000


def test_a_million_files_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_MEMBERS", 2)
    path = zipped(tmp_path / "rows.zip", ("rows.jsonl", ROW), ("a.png", b""), ("b.png", b""))

    with pytest.raises(InvalidDataset, match="more than 2 files"):
        list(records.records(path))
