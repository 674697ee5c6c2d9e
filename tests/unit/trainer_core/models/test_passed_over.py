"""What a base model's files hold beside its weights is kept, and nothing else."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from trainer_core.models.loading import load_model
from trainer_core.models.passed_over import keep_passed_over

WEIGHTS = "model.safetensors"
Weights = dict[str, Tensor]


def saved(base: Path, folder: Path) -> Weights:
    """Weights of a base model that was loaded, saved and given what its files hold beside it."""
    model = load_model(str(base))
    model.save_pretrained(folder)
    keep_passed_over(model, folder, str(base))
    return load_file(folder / WEIGHTS)


@pytest.fixture
def rewrite(own_starter_dir: Path) -> Callable[[Weights], Weights]:
    """Gives the starter's file further weights; tells what it held before."""

    def add(more: Weights) -> Weights:
        weights = load_file(own_starter_dir / WEIGHTS)
        save_file(weights | more, own_starter_dir / WEIGHTS, {"format": "pt"})
        return weights

    return add


def test_a_head_that_the_class_does_not_know_is_kept(
    own_starter_dir: Path, rewrite: Callable[[Weights], Weights], tmp_path: Path
) -> None:
    before = rewrite({"mtp.weight": torch.ones(2)})

    after = saved(own_starter_dir, tmp_path / "saved")

    assert after.keys() == before.keys() | {"mtp.weight"}
    assert torch.equal(after["mtp.weight"], torch.ones(2))


def test_a_second_copy_of_tied_weights_is_not_kept(
    own_starter_dir: Path, rewrite: Callable[[Weights], Weights], tmp_path: Path
) -> None:
    embedding = next(value for name, value in load_file(own_starter_dir / WEIGHTS).items() if "embed_tokens" in name)
    before = rewrite({"lm_head.weight": embedding.clone()})

    assert saved(own_starter_dir, tmp_path / "saved").keys() == before.keys()


def test_a_base_of_several_files_is_searched(own_starter_dir: Path, tmp_path: Path) -> None:
    load_model(str(own_starter_dir)).save_pretrained(tmp_path / "base", max_shard_size="1MB")
    index = tmp_path / "base/model.safetensors.index.json"
    told = json.loads(index.read_text())
    told["weight_map"]["mtp.weight"] = "drafting.safetensors"
    index.write_text(json.dumps(told))
    save_file({"mtp.weight": torch.ones(2)}, tmp_path / "base/drafting.safetensors", {"format": "pt"})

    after = saved(tmp_path / "base", tmp_path / "saved")

    assert after.keys() == told["weight_map"].keys()


def test_where_names_have_changed_nothing_is_taken_for_another_weight(tmp_path: Path) -> None:
    base = tmp_path / "base"
    GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=8, n_head=1, vocab_size=10)).save_pretrained(base)
    names = {name: name.removeprefix("transformer.") for name in load_file(base / WEIGHTS)}
    old = {names[name]: value for name, value in load_file(base / WEIGHTS).items()}
    save_file(old, base / WEIGHTS, {"format": "pt"})

    assert saved(base, tmp_path / "saved").keys() == names.keys()
