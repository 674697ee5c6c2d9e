"""Parts of each family's models: found, and nothing but them adapted or quantised."""

from pathlib import Path

import pytest
from bitsandbytes.nn import Linear4bit
from torch import nn
from transformers import PreTrainedModel

from tests.families.catalogue import each
from trainer_core.contract.spec import Lora
from trainer_core.models.adapters import add_adapter
from trainer_core.models.loading import load_model
from trainer_core.models.parts import language_model, linear_names_of, vision_model


def names_inside(model: PreTrainedModel, part: nn.Module | None) -> set[str]:
    assert part is not None
    inside = set(part.modules())
    return {name for name, module in model.named_modules() if module in inside}


@each(reads_images=True)
def test_tower_and_language_model_are_there_and_apart(folder: Path) -> None:
    model = load_model(str(folder))

    tower, decoder = (names_inside(model, part) for part in (vision_model(model), language_model(model)))

    assert linear_names_of(model, "vision_tower")
    assert linear_names_of(model, "language_model")
    assert tower.isdisjoint(decoder)


@each(reads_images=True)
@pytest.mark.parametrize("names", [None, ("q_proj", "v_proj")], ids=["all", "named"])
def test_an_adapter_stays_out_of_the_tower(folder: Path, names: tuple[str, ...] | None) -> None:
    model = load_model(str(folder))
    wanted = {name for name in linear_names_of(model, "language_model") if names is None or name.endswith(names)}

    adapted = add_adapter(model, Lora(target_modules=names), None).get_base_model()

    found = {name.removesuffix(".lora_A") for name, _ in adapted.named_modules() if name.endswith(".lora_A")}
    assert found == wanted


@each(reads_images=True)
def test_four_bits_stay_out_of_the_tower(folder: Path) -> None:
    model = load_model(str(folder), quantization="nf4")

    quantised = {name for name, module in model.named_modules() if isinstance(module, Linear4bit)}

    assert quantised
    assert quantised <= names_inside(model, language_model(model))
    assert not isinstance(model.get_output_embeddings(), Linear4bit)
