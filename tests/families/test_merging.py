"""What an adapter of each family is merged into: its base, with other weights where the adapter was, and only there."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.families.catalogue import Family, each
from trainer_core.contract.spec import Lora
from trainer_core.models.adapters import add_adapter, read_adapter
from trainer_core.models.loading import load_model
from trainer_core.models.parts import linear_names_of

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def merged_of(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Makes the weights of a family's merged model, once, as they lie in its file."""
    made = dict[str, dict[str, Tensor]]()

    def merge(family: Family, folder: Path) -> dict[str, Tensor]:
        if family.name not in made:
            made[family.name] = merged(folder, tmp_path_factory.mktemp(family.name))
        return made[family.name]

    return merge


def merged(folder: Path, tmp_path: Path) -> dict[str, Tensor]:
    """Weights of a base with an adapter that changes something, from their file."""
    adapted = add_adapter(load_model(str(folder)), Lora(rank=2), None)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.ones_(parameter)
    adapted.save_pretrained(str(tmp_path))
    model: Any = read_adapter(load_model(str(folder)), tmp_path).merge_and_unload(safe_merge=True)
    model.save_pretrained(tmp_path / "merged")
    return load_file(tmp_path / "merged" / WEIGHTS)


@each()
def test_a_merged_model_has_the_weights_of_its_base_by_name(family: Family, folder: Path, merged_of: Any) -> None:
    assert merged_of(family, folder).keys() == load_file(folder / WEIGHTS).keys()


@each()
def test_merging_changes_what_was_adapted_and_nothing_else(family: Family, folder: Path, merged_of: Any) -> None:
    base, after = load_file(folder / WEIGHTS), merged_of(family, folder)

    changed = [name for name, value in base.items() if not torch.equal(after[name], value)]

    assert len(changed) == len(linear_names_of(load_model(str(folder)), "language_model"))
    assert not any(word in name for name in changed for word in ("vision", "visual", "project", "head"))
