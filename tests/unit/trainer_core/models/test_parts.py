"""Parts of models: found, and frozen by the model class."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForImageTextToText,
    ChameleonConfig,
    DeepseekVLHybridConfig,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma4UnifiedConfig,
    GitConfig,
    ModernBertDecoderConfig,
    ModernBertDecoderForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5OmniThinkerConfig,
)

from trainer_core.data.encoding import Encoder
from trainer_core.data.reader import Line
from trainer_core.data.rows import Row
from trainer_core.models.parts import freeze, language_model, linear_names_of, parameters_of, vision_model
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


def skeleton(config: PreTrainedConfig) -> PreTrainedModel:
    """A model of the usual size, without weights."""
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    assert isinstance(model, PreTrainedModel)
    return model


def names(model: PreTrainedModel, parameters: list[torch.nn.Parameter]) -> set[str]:
    """The first two parts of parameters' names."""
    ids = {id(parameter) for parameter in parameters}
    return {".".join(name.split(".")[:2]) for name, one in model.named_parameters() if id(one) in ids}


def test_the_head_is_frozen_with_the_language_model() -> None:
    model = qwen()

    freeze(model, language=True, vision=False)

    assert not any(trained(model.get_output_embeddings()))


def test_a_head_that_is_called_decoder_is_not_the_language_model() -> None:
    model = ModernBertDecoderForCausalLM(ModernBertDecoderConfig(**TEXT, pad_token_id=0))

    assert language_model(model) is model.base_model
    assert linear_names_of(model, "language_model")


@pytest.mark.parametrize(
    ("config", "tower"),
    [
        pytest.param(ChameleonConfig(vocabulary_map={"<image>": 0}), "model.vqmodel", id="chameleon"),
        pytest.param(GitConfig(), "git.image_encoder", id="git"),
    ],
)
def test_a_tower_inside_the_decoder_is_no_part_of_the_language_model(config: PreTrainedConfig, tower: str) -> None:
    model = skeleton(config)

    parts = parameters_of(model)

    assert names(model, parts["vision_tower"]) == {tower}
    assert tower not in names(model, parts["language_model"])
    assert not any(name.startswith(tower) for name in linear_names_of(model, "language_model"))


def test_two_towers_are_frozen_together() -> None:
    model = skeleton(DeepseekVLHybridConfig())

    freeze(model, language=False, vision=True)

    frozen = names(model, [one for one in model.parameters() if not one.requires_grad])
    assert frozen == {"model.vision_model", "model.high_res_vision_model"}


def test_without_a_tower_all_that_sees_is_the_projector() -> None:
    model = skeleton(Gemma4UnifiedConfig(vision_config={}))

    parts = parameters_of(model)

    assert parts["vision_tower"] == []
    assert names(model, parts["projector"]) == {"model.embed_vision"}


def test_what_hears_is_of_no_part_and_never_trained() -> None:
    model = skeleton(Qwen2_5OmniThinkerConfig())

    freeze(model, language=False, vision=False)

    assert not any(trained(model.get_encoder(modality="audio")))
    told = {name for parameters in parameters_of(model).values() for name in names(model, parameters)}
    assert "model.audio_tower" not in told
    assert not any(name.startswith("model.audio_tower") for name in linear_names_of(model, "projector"))
