"""A folder with a manifest is complete, and nothing in it has changed."""

from pathlib import Path

import pytest

from trainer_core.contract.manifest import MANIFEST, Manifest, sha256_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files and their manifest."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "sub" / "note.txt").write_bytes(b"note")
    Manifest.of(tmp_path).save(tmp_path)
    return tmp_path


def test_every_file_is_in_it_but_itself(folder: Path) -> None:
    assert [file.path for file in Manifest.load(folder).files] == ["model.safetensors", "sub/note.txt"]


def test_what_was_saved_is_loaded(folder: Path) -> None:
    assert Manifest.load(folder) == Manifest.of(folder)


def test_it_is_true_of_an_unchanged_folder(folder: Path) -> None:
    assert Manifest.load(folder).is_true_of(folder)


def test_a_flipped_byte_is_found(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"weighs!")

    assert not Manifest.load(folder).is_true_of(folder)


def test_a_missing_file_is_found(folder: Path) -> None:
    (folder / "sub" / "note.txt").unlink()

    assert not Manifest.load(folder).is_true_of(folder)


def test_a_folder_without_one_is_not_complete(folder: Path) -> None:
    (folder / MANIFEST).unlink()

    with pytest.raises(FileNotFoundError):
        Manifest.load(folder)


def test_its_checksum_is_that_of_the_file(folder: Path) -> None:
    assert Manifest.load(folder).sha256 == sha256_of(folder / MANIFEST)
