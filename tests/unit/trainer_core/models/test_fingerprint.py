"""Which models read rows alike."""

from pathlib import Path

import pytest

from trainer_core.models.fingerprint import fingerprint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_other_weights_read_alike(folder: Path) -> None:
    before = fingerprint(str(folder))
    (folder / "model.safetensors").write_text("trained")

    assert fingerprint(str(folder)) == before


def test_another_tokenizer_does_not(folder: Path) -> None:
    before = fingerprint(str(folder))
    (folder / "tokenizer.json").write_text("another")

    assert fingerprint(str(folder)) != before
