"""Parts of models: found, and frozen by the model class."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    PreTrainedModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)

from trainer_core.data.encoding import Encoder
from trainer_core.data.reader import Line
from trainer_core.data.rows import Row
from trainer_core.models.parts import freeze, language_model, vision_model
from trainer_core.module import HFAutoModelForImageTextToText

SMALL: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
TEXT: dict[str, Any] = {**SMALL, "vocab_size": 16, "num_key_value_heads": 2}


def qwen() -> PreTrainedModel:
    """Its tower is called `visual`."""
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    vision = {"depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 32}
    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config={**TEXT, "rope_parameters": rope}, vision_config=vision)
    )


def gemma() -> PreTrainedModel:
    """Its tower is called `vision_tower`."""
    return Gemma3ForConditionalGeneration(
        Gemma3Config(
            text_config={**TEXT, "head_dim": 16},
            vision_config={**SMALL, "image_size": 28, "patch_size": 14},
            mm_tokens_per_image=4,
        )
    )


def trained(part: torch.nn.Module | None) -> Iterator[bool]:
    assert part is not None
    return (parameter.requires_grad for parameter in part.parameters())


def test_frozen_vision_model_is_not_trained(starter_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir), freeze_vision_model=True)

    module.configure_model()

    assert not any(trained(vision_model(module.model)))
    assert all(trained(language_model(module.model)))


def test_frozen_language_model_is_not_trained(starter_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir), freeze_language_model=True)

    module.configure_model()

    assert not any(trained(language_model(module.model)))
    assert all(trained(vision_model(module.model)))


def test_a_frozen_language_model_still_hands_gradients_on(
    starter_dir: Path, chat: Callable[..., dict[str, Any]]
) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir), freeze_language_model=True)
    module.configure_model()
    batch = Encoder(module.processor)(Line(1, 0, 0), Row.model_validate(chat("seven")))

    torch.autograd.backward(module.loss(batch))

    assert any(weight.grad is not None and weight.grad.any() for weight in module.trainable_parameters())


def test_freezing_what_is_not_there_is_refused(text_model_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(text_model_dir), freeze_vision_model=True)

    with pytest.raises(ValueError, match="no image tower"):
        module.configure_model()


@pytest.mark.parametrize("make", [qwen, gemma])
def test_the_tower_is_found_whatever_it_is_called(make: Callable[[], PreTrainedModel]) -> None:
    model = make()

    freeze(model, language=False, vision=True)

    assert not any(trained(vision_model(model)))
    assert all(trained(language_model(model)))
