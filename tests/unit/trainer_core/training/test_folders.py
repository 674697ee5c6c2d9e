"""Folders that are complete or not there."""

import os
import shutil
from pathlib import Path

import pytest

from trainer_core.contract.manifest import Manifest
from trainer_core.training.folders import forget_drafts, link_files, write_folder


def write(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "file").write_text("content")


def test_a_folder_has_a_true_manifest(tmp_path: Path) -> None:
    manifest = write_folder(tmp_path / "artifact", write)

    assert [file.path for file in manifest.files] == ["inner/file"]
    assert Manifest.load(tmp_path / "artifact").is_true_of(tmp_path / "artifact")


def test_a_folder_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    (tmp_path / "artifact").mkdir()
    (tmp_path / "artifact" / "old").touch()

    write_folder(tmp_path / "artifact", write)

    assert not (tmp_path / "artifact" / "old").exists()


def test_a_folder_that_failed_is_not_there(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        write(folder)
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        write_folder(tmp_path / "artifact", fail)

    assert list(tmp_path.iterdir()) == []


def test_drafts_of_dead_runs_are_forgotten_and_nothing_else(tmp_path: Path) -> None:
    for name in (".step-000002.draft", "step-000001"):
        (tmp_path / name).mkdir()

    forget_drafts(tmp_path)

    assert [folder.name for folder in tmp_path.iterdir()] == ["step-000001"]


@pytest.mark.parametrize("can_link", [True, False])
def test_files_are_in_another_folder_too(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    can_link: bool,  # noqa: FBT001 - a parameter
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("links between devices")

    if not can_link:
        monkeypatch.setattr(os, "link", refuse)
    write_folder(tmp_path / "old/best", write)

    manifest = write_folder(tmp_path / "new/best", lambda draft: link_files(tmp_path / "old/best", draft))
    shutil.rmtree(tmp_path / "old")

    assert manifest.is_true_of(tmp_path / "new/best")


def test_what_a_dead_run_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".artifact.draft").mkdir()
    (tmp_path / ".artifact.draft" / "half").touch()

    manifest = write_folder(tmp_path / "artifact", write)

    assert len(manifest.files) == 1
