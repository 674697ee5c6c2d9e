"""Files on their way to the service."""

import zipfile
from pathlib import Path

from client.transfers import zipped


def test_a_folder_becomes_a_zip_of_its_files_by_their_paths(tmp_path: Path) -> None:
    (tmp_path / "images/train").mkdir(parents=True)
    (tmp_path / "images/train/a.png").write_bytes(b"a")
    (tmp_path / "images/b.png").write_bytes(b"b")

    path = zipped(tmp_path / "images", tmp_path / "images.zip")

    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["b.png", "train/a.png"]
