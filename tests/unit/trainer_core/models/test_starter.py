"""The starter: small, genuine, the same on every machine."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, LlavaForConditionalGeneration, LlavaProcessor

from trainer_core.contract.manifest import sha256_of
from trainer_core.models.starter import build


def test_plain_transformers_load_it(starter_dir: Path) -> None:
    model = AutoModelForImageTextToText.from_pretrained(starter_dir)
    processor = AutoProcessor.from_pretrained(starter_dir)

    assert isinstance(model, LlavaForConditionalGeneration)
    assert isinstance(processor, LlavaProcessor)
    assert model.num_parameters() < 2_000_000


def test_the_same_seed_makes_the_same_files(starter_dir: Path, tmp_path: Path) -> None:
    build(tmp_path / "again")

    files = sorted(path.name for path in starter_dir.iterdir())
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == files
    assert [sha256_of(tmp_path / "again" / name) for name in files] == [sha256_of(starter_dir / name) for name in files]


def test_another_seed_makes_other_weights(starter_dir: Path, tmp_path: Path) -> None:
    build(tmp_path / "other", seed=1)

    assert sha256_of(tmp_path / "other/model.safetensors") != sha256_of(starter_dir / "model.safetensors")


def test_building_it_leaves_the_random_numbers_alone(tmp_path: Path) -> None:
    before = torch.get_rng_state()

    build(tmp_path / "starter")

    assert torch.equal(torch.get_rng_state(), before)


def test_a_folder_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "starter").mkdir()
    (tmp_path / "starter" / "mine").touch()

    with pytest.raises(OSError, match="not empty"):
        build(tmp_path / "starter")

    assert [path.name for path in tmp_path.iterdir()] == ["starter"]


def test_any_text_goes_through_its_tokenizer(starter_dir: Path) -> None:
    tokenizer = AutoProcessor.from_pretrained(starter_dir).tokenizer
    text = "Zürich 東京 🙂\n\t0x1F"

    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_it_answers_with_its_stop_token_in_mind(starter_dir: Path) -> None:
    model = AutoModelForImageTextToText.from_pretrained(starter_dir)
    tokenizer = AutoProcessor.from_pretrained(starter_dir).tokenizer

    assert model.generation_config.eos_token_id == tokenizer.eos_token_id == tokenizer.convert_tokens_to_ids("<|end|>")
