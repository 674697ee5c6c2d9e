"""Language models in 4 and 8 bits, whatever holds their matrices."""

from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from transformers import (
    FalconConfig,
    FalconForCausalLM,
    FalconMambaConfig,
    FalconMambaForCausalLM,
    PreTrainedModel,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.models.loading import load_model

SMALL: dict[str, Any] = {"vocab_size": 50, "hidden_size": 64, "num_hidden_layers": 1}
IDS = torch.arange(8)[None]


def mixture() -> PreTrainedModel:
    """Its experts are stacks of matrices."""
    heads: dict[str, Any] = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 32}
    experts: dict[str, Any] = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64}
    config = Qwen3MoeConfig(**SMALL, **heads, **experts, intermediate_size=64)
    return Qwen3MoeForCausalLM(config)


def falcon() -> PreTrainedModel:
    """Its linear layers are of a class of its own."""
    return FalconForCausalLM(FalconConfig(**SMALL, num_attention_heads=2))


def falcon_mamba() -> PreTrainedModel:
    """It holds convolutions."""
    return FalconMambaForCausalLM(FalconMambaConfig(**SMALL, state_size=4))


@pytest.fixture
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    torch.manual_seed(0)
    request.param().save_pretrained(tmp_path)
    return str(tmp_path)


def stacks(model: torch.nn.Module) -> list[str]:
    """Names of what is held as fractions in three dimensions."""
    return [name for name, one in model.named_parameters() if one.ndim == 3 and one.is_floating_point()]


@pytest.mark.parametrize("saved", [mixture], indirect=True)
def test_experts_are_held_in_4_bits(saved: str) -> None:
    whole, held = load_model(saved), load_model(saved, quantization="nf4")

    assert stacks(whole)
    assert stacks(held) == []
    experts = "model.layers.0.mlp.experts.parametrizations.gate_up_proj.original"
    assert held.get_parameter(experts).dtype is torch.uint8


@pytest.mark.parametrize("saved", [mixture, falcon], indirect=True)
def test_what_is_held_in_4_bits_computes_almost_the_same(saved: str) -> None:
    whole, held = load_model(saved).eval(), load_model(saved, quantization="nf4").eval()

    with torch.no_grad():
        expected, found = whole(IDS).logits, held(IDS).logits

    assert torch.nn.functional.cosine_similarity(expected.flatten(), found.flatten(), dim=0) > 0.98
    assert not torch.equal(expected, found)


@pytest.mark.parametrize("saved", [mixture, falcon], indirect=True)
def test_gradients_pass_what_is_held_in_4_bits(saved: str) -> None:
    held = load_model(saved, quantization="nf4")

    held(IDS).logits.sum().backward()

    gradient = held.get_input_embeddings().weight.grad
    assert isinstance(gradient, torch.Tensor)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("saved", [falcon], indirect=True)
def test_linear_layers_of_a_class_of_their_own_are_held_in_4_bits(saved: str) -> None:
    held = load_model(saved, quantization="nf4")

    matrices = [name for name, one in held.named_parameters() if one.ndim == 2 and one.is_floating_point()]
    assert matrices == ["transformer.word_embeddings.weight"]


@pytest.mark.parametrize("saved", [falcon_mamba], indirect=True)
def test_convolutions_stay_as_they_are(saved: str) -> None:
    held = load_model(saved, quantization="nf4")

    assert stacks(held) == ["backbone.layers.0.mixer.conv1d.weight"]
    assert any(isinstance(layer, Linear4bit) for layer in held.modules())


@pytest.mark.parametrize("saved", [mixture, falcon], indirect=True)
def test_8_bits_that_would_leave_most_of_a_model_as_it_is_are_refused(saved: str) -> None:
    with pytest.raises(TrainerError, match=r"int8 cannot hold all of this base model.* use nf4") as refused:
        load_model(saved, quantization="int8")

    assert refused.value.code is FailureCode.INVALID_SPEC


@pytest.mark.parametrize("saved", [falcon_mamba], indirect=True)
def test_tiny_matrices_stay_as_they_are(saved: str) -> None:
    held = load_model(saved, quantization="nf4")

    assert type(held.get_submodule("backbone.layers.0.mixer.dt_proj")) is torch.nn.Linear
