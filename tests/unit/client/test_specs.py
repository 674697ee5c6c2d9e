"""Specs as users write them."""

import io
from pathlib import Path

import pytest

from client.errors import UnreadableInput
from client.specs import read_spec, with_uploads


def test_spec_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"base_model": "starter"}')

    assert read_spec(str(tmp_path / "spec.json")) == {"base_model": "starter"}


def test_spec_is_read_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"base_model": "starter"}'))

    assert read_spec("-") == {"base_model": "starter"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{\n"base_model": starter}', "line 2, column 15"),
        (b"[]", "must hold a JSON object"),
        (b"\xff", "is not UTF-8"),
        (None, "No such file"),
    ],
)
def test_what_is_no_spec_is_told(tmp_path: Path, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / "spec.json").write_bytes(content)

    with pytest.raises(UnreadableInput, match=told):
        read_spec(str(tmp_path / "spec.json"))


def test_local_file_is_uploaded_and_its_id_put_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").touch()
    spec = {"train_dataset": str(tmp_path / "train.jsonl"), "eval_dataset": "file-2", "seed": 1}

    sent = with_uploads(spec, lambda path: f"id of {path.name}")

    assert sent == {"train_dataset": "id of train.jsonl", "eval_dataset": "file-2", "seed": 1}


def test_file_named_twice_is_uploaded_once(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").touch()
    uploads: list[Path] = []

    def upload(path: Path) -> str:
        uploads.append(path)
        return "file-1"

    spec = {"train_dataset": str(tmp_path / "rows.jsonl"), "eval_dataset": str(tmp_path / "rows.jsonl")}

    sent = with_uploads(spec, upload)

    assert sent == {"train_dataset": "file-1", "eval_dataset": "file-1"}
    assert len(uploads) == 1


@pytest.mark.parametrize("reference", ["file-1", {"fraction": 0.1}, None, 3, "nul\0"])
def test_what_names_no_file_is_left_as_it_is(reference: object) -> None:
    spec = {"train_dataset": "file-1", "eval_dataset": reference}

    assert with_uploads(spec, lambda _: "uploaded") == spec
