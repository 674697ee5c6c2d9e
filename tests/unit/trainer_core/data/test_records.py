"""Files that are broken, or hold something else than rows, are told as such."""

import io
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.trainer_core.data.forms import converted, png, write_json, write_parquet, write_tar, write_zip
from trainer_core.data.records import Form, form_of

LINE = '{"messages":[{"role":"user","content":"two?"},{"role":"assistant","content":"2"}]}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows"


def codes(path: Path) -> list[tuple[str, int | None]]:
    return [(fault.code, fault.line) for fault in converted(path)[0].faults]


@pytest.mark.parametrize(
    ("head", "form"),
    [(b"", Form.JSONL), (b"{}", Form.JSONL), (b"\xef\xbb\xbf [", Form.JSON), (b"PAR1", Form.PARQUET)],
)
def test_a_form_is_known_by_its_beginning(head: bytes, form: Form) -> None:
    assert form_of(head) is form


def test_a_list_that_breaks_off_is_told_where(path: Path) -> None:
    path.write_text(f"[{LINE},{LINE[:20]}")

    assert codes(path) == [("not_json", 2)]


@pytest.mark.parametrize("kind", ["parquet", "tar", "zip"])
def test_a_file_that_breaks_off_is_a_fault(path: Path, kind: str) -> None:
    write = {
        "parquet": lambda: write_parquet(path, [json.loads(LINE)]),
        "tar": lambda: write_tar(path, {"0.png": png("red") * 10, "0.txt": b"red"}),
        "zip": lambda: write_zip(path, {"rows.jsonl": LINE}),
    }
    write[kind]()
    path.write_bytes(path.read_bytes()[: 600 if kind == "tar" else -30])

    assert [code for code, _ in codes(path)] == ["invalid_file"]


def test_an_archive_without_rows_is_a_fault(path: Path) -> None:
    assert codes(write_zip(path, {"a.png": png("red")})) == [("invalid_file", None)]


def test_an_archive_in_an_archive_is_not_opened(path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("rows.jsonl", LINE)

    assert codes(write_zip(path, {"rows.jsonl": inner.getvalue()})) == [("invalid_file", None)]


def test_a_file_that_cannot_be_unpacked_is_a_fault(path: Path) -> None:
    write_zip(path, {"rows.jsonl": LINE})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag that says that it is encrypted
    path.write_bytes(content)

    assert codes(path) == [("invalid_file", None)]


def test_an_empty_list_is_an_empty_dataset(path: Path) -> None:
    assert codes(write_json(path, [])) == [("empty_dataset", None)]


def test_a_sample_without_words_is_a_fault_and_the_next_is_read(path: Path) -> None:
    report, rows = converted(write_tar(path, {"0.png": png("red"), "1.png": png("red"), "1.txt": b"red"}))

    assert [(fault.code, fault.line) for fault in report.faults] == [("invalid_row", 1)]
    assert [row is not None for row in rows] == [False, True]


def test_a_line_longer_than_any_row_is_skipped_as_a_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer_core.data.records.MAX_LINE_BYTES", 100)
    monkeypatch.setattr("trainer_core.data.reader.MAX_LINE_BYTES", 100)
    path.write_text(f"{LINE.replace('two?', '2' * 1000)}\n{LINE}\n")

    assert codes(path) == [("invalid_row", 1)]


def test_text_in_a_table_that_is_not_utf8_is_a_fault(path: Path) -> None:
    text = pa.array([b"\xff"]).cast(pa.binary()).view(pa.utf8())
    pq.write_table(pa.table({"instruction": text, "output": text}), path)

    assert codes(path) == [("invalid_file", None)]


def test_a_sample_without_a_name_is_a_fault(path: Path) -> None:
    assert codes(write_tar(path, {".": b"red"})) == [("invalid_row", 1)]
