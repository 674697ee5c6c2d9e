"""Which layers an adapter lies beside."""

from pathlib import Path

import pytest

from trainer_core.contract.spec import Lora, Part
from trainer_core.models.adapters import add_adapter
from trainer_core.models.loading import load_model


def adapted(folder: Path, lora: Lora) -> set[str]:
    """Names of the layers that have an adapter."""
    names = [name for name, _ in add_adapter(load_model(str(folder)), lora, None).get_base_model().named_modules()]
    return {name.removesuffix(".lora_A") for name in names if name.endswith(".lora_A")}


@pytest.mark.parametrize(
    ("parts", "word"), [(("language_model",), "language_model"), (("vision_tower",), "vision_tower")]
)
def test_a_name_means_the_layers_of_its_parts(starter_dir: Path, parts: tuple[Part, ...], word: str) -> None:
    names = adapted(starter_dir, Lora(parts=parts, target_modules=("q_proj",)))

    assert len(names) == 3
    assert all(word in name and name.endswith(".q_proj") for name in names)


def test_a_name_may_be_written_in_full(starter_dir: Path) -> None:
    name = "model.language_model.layers.1.mlp.up_proj"

    assert adapted(starter_dir, Lora(target_modules=(name,))) == {name}


def test_a_name_that_no_layer_has_is_refused(starter_dir: Path) -> None:
    with pytest.raises(ValueError, match="no linear layer of language_model is called 'fc1'"):
        adapted(starter_dir, Lora(target_modules=("q_proj", "fc1")))
