"""Files on their way to the service."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from client import Tuneyard
from client.transfers import dataset_of, zipped
from tests.unit.client.stub_service import StubService, as_json

ROWS = b"rows"
DATASET = {
    "id": "file-1",
    "filename": "rows.jsonl",
    "num_bytes": len(ROWS),
    "sha256": hashlib.sha256(ROWS).hexdigest(),
    "num_rows": 1,
    "num_images": 0,
    "created_at": "2026-11-24T10:00:00Z",
}


def test_a_folder_becomes_a_zip_of_its_files_by_their_paths(tmp_path: Path) -> None:
    (tmp_path / "images/train").mkdir(parents=True)
    (tmp_path / "images/train/a.png").write_bytes(b"a")
    (tmp_path / "images/b.png").write_bytes(b"b")

    path = zipped(tmp_path / "images", tmp_path / "images.zip")

    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["b.png", "train/a.png"]


def test_a_file_that_was_uploaded_before_is_not_uploaded_again(
    tuneyard: Tuneyard, stub: StubService, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_bytes(ROWS)
    stub.answers = [as_json({"data": [DATASET], "has_more": False})]

    assert dataset_of(tuneyard, tmp_path / "rows.jsonl").id == "file-1"
    assert [asked.method for asked in stub.asked] == ["GET"]


@pytest.mark.parametrize(
    "other", [{"filename": "others.jsonl"}, {"sha256": "0" * 64}, {"num_bytes": 5}], ids=["name", "content", "length"]
)
def test_a_file_that_is_like_no_other_is_uploaded(
    tuneyard: Tuneyard, stub: StubService, tmp_path: Path, other: dict[str, object]
) -> None:
    (tmp_path / "rows.jsonl").write_bytes(ROWS)
    stub.answers = [
        as_json({"data": [DATASET | other], "has_more": False}),
        as_json(DATASET | {"id": "file-2"}, 201),
    ]

    assert dataset_of(tuneyard, tmp_path / "rows.jsonl").id == "file-2"
    assert stub.asked[1].body == ROWS
