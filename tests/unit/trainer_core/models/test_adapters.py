"""Which layers an adapter lies beside."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AfmoeConfig,
    AfmoeForCausalLM,
    FalconMambaConfig,
    FalconMambaForCausalLM,
    LagunaConfig,
    LagunaForCausalLM,
    Llama4ForCausalLM,
    Llama4TextConfig,
    PreTrainedModel,
)

from trainer_core.contract.spec import Lora, Part
from trainer_core.models.adapters import add_adapter, read_adapter, without_adapter
from trainer_core.models.loading import load_model

SMALL: dict[str, Any] = {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2}
HEADS: dict[str, Any] = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16}
EXPERTS: dict[str, Any] = {"num_experts_per_tok": 2, "moe_intermediate_size": 16}


def afmoe() -> PreTrainedModel:
    """Its first layer is dense, with the names that experts' layers once had."""
    return AfmoeForCausalLM(AfmoeConfig(**SMALL, **HEADS, **EXPERTS, num_experts=4, num_dense_layers=1))


def laguna() -> PreTrainedModel:
    """Transformers renames its shared experts when it reads old weights."""
    return LagunaForCausalLM(LagunaConfig(**SMALL, **HEADS, **EXPERTS, num_experts=4))


def llama4() -> PreTrainedModel:
    """Its router is a linear layer that gives a choice."""
    sizes: dict[str, Any] = {"intermediate_size_mlp": 32, "num_local_experts": 4}
    return Llama4ForCausalLM(Llama4TextConfig(**SMALL, **HEADS, **sizes))


def falcon_mamba() -> PreTrainedModel:
    """Its kernels pass by the module of its last layer."""
    return FalconMambaForCausalLM(FalconMambaConfig(vocab_size=50, hidden_size=32, num_hidden_layers=2, state_size=4))


def adapted(model: PreTrainedModel) -> set[str]:
    """The last parts of the adapted layers' names."""
    adapter = add_adapter(model, Lora(rank=2), None)
    names = [name.partition(".lora_A")[0] for name, _ in adapter.named_parameters() if "lora_A" in name]
    return {name.rpartition(".")[2] for name in names}


def test_a_dense_layer_with_an_experts_name_is_left_out_rather_than_all_experts_adapted() -> None:
    assert adapted(afmoe()) == {"q_proj", "k_proj", "v_proj", "o_proj"}


def test_a_router_is_not_adapted() -> None:
    assert "router" not in adapted(llama4())


def test_what_mambas_kernels_pass_by_is_not_adapted() -> None:
    names = adapted(falcon_mamba())

    assert "out_proj" not in names
    assert "in_proj" in names


@pytest.mark.parametrize("make", [afmoe, laguna, llama4, falcon_mamba])
def test_every_adapted_layer_is_read_back(make: Callable[[], PreTrainedModel], tmp_path: Path) -> None:
    base = make()
    base.save_pretrained(tmp_path / "base")
    written = add_adapter(base, Lora(rank=2), None)
    for name, parameter in written.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter)

    written.save_pretrained(str(tmp_path / "adapter"))
    read = read_adapter(type(base).from_pretrained(tmp_path / "base"), tmp_path / "adapter")

    found = dict(read.named_parameters())
    assert all(torch.equal(one, found[name]) for name, one in written.named_parameters())


def adapted_in(folder: Path, lora: Lora) -> set[str]:
    """Names of the layers that have an adapter."""
    names = [name for name, _ in add_adapter(load_model(str(folder)), lora, None).get_base_model().named_modules()]
    return {name.removesuffix(".lora_A") for name in names if name.endswith(".lora_A")}


@pytest.mark.parametrize(
    ("parts", "word"), [(("language_model",), "language_model"), (("vision_tower",), "vision_tower")]
)
def test_a_name_means_the_layers_of_its_parts(starter_dir: Path, parts: tuple[Part, ...], word: str) -> None:
    names = adapted_in(starter_dir, Lora(parts=parts, target_modules=("q_proj",)))

    assert len(names) == 3
    assert all(word in name and name.endswith(".q_proj") for name in names)


def test_a_name_may_be_written_in_full(starter_dir: Path) -> None:
    name = "model.language_model.layers.1.mlp.up_proj"

    assert adapted_in(starter_dir, Lora(target_modules=(name,))) == {name}


def test_a_name_that_no_layer_has_is_refused(starter_dir: Path) -> None:
    with pytest.raises(ValueError, match="no linear layer of language_model is called 'fc1'"):
        adapted_in(starter_dir, Lora(target_modules=("q_proj", "fc1")))


def test_without_its_adapter_a_model_is_its_base_and_then_trains_what_it_did(text_model_dir: Path) -> None:
    ids = torch.tensor([[1, 2, 3]])
    base = load_model(str(text_model_dir), dtype=torch.float32).eval()
    expected = base(input_ids=ids).logits
    model = add_adapter(base, Lora(rank=2), None).eval()
    for name, parameter in model.named_parameters():
        parameter.data += 0.1 * ("lora_B" in name)
        parameter.requires_grad = "layers.1" in name and "lora" in name
    trained = [name for name, one in model.named_parameters() if one.requires_grad]

    with without_adapter(model):
        found = base(input_ids=ids).logits

    assert torch.equal(found, expected)
    assert not torch.equal(base(input_ids=ids).logits, expected)
    assert [name for name, one in model.named_parameters() if one.requires_grad] == trained
