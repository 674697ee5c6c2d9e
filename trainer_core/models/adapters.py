"""Low-rank adapters, by peft: on the linear layers of the parts that the spec names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from peft.tuners.tuners_utils import _check_lora_target_modules_mamba
from peft.utils.transformers_weight_conversion import (
    convert_peft_adapter_state_dict_for_transformers,
    convert_peft_config_for_transformers,
)
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from trainer_core.contract.spec import Lora
from trainer_core.models.parts import linear_names_of


def add_adapter(model: PreTrainedModel, lora: Lora, checkpoint: Path | None) -> PeftModel:
    """Freeze the model and put an adapter beside it: a new one, or that of a checkpoint.

    Raises:
        ValueError: The spec names layers or parts that the model does not have.
    """
    if lora.quantization != "none":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if checkpoint is not None:
        return PeftModel.from_pretrained(model, checkpoint, is_trainable=True)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        use_rslora=lora.rslora,
        use_dora=lora.dora,
        target_modules=_adapted_names(model, lora),
        fan_in_fan_out=_is_transposed(model),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def read_adapter(model: PreTrainedModel, folder: Path) -> PeftModel:
    """A model with the adapter of an artifact beside it, for use rather than training."""
    config = LoraConfig.from_pretrained(str(folder))
    config.fan_in_fan_out = _is_transposed(model)  # not so where GPT-2 is quantised
    return PeftModel.from_pretrained(model, folder, config=config)


@contextmanager
def without_adapter(model: PeftModel) -> Iterator[None]:
    """The base model alone, for a while; what is trained is the same afterwards, which peft's own way forgets."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    tuner: Any = model.base_model
    tuner.disable_adapter_layers()
    try:
        yield
    finally:
        tuner.enable_adapter_layers()
        model.requires_grad_(requires_grad=False)
        for parameter in trained:
            parameter.requires_grad = True


def _is_transposed(model: PreTrainedModel) -> bool:
    return any(isinstance(module, Conv1D) for module in model.modules())


def _adapted_names(model: PreTrainedModel, lora: Lora) -> list[str]:
    """Full names of the layers to adapt: by `q_proj` alone, peft would adapt the image tower's layers too."""
    names = _linear_names(model, lora)
    if lora.target_modules is None:
        return names
    for called in lora.target_modules:
        if not any(_is_called(name, called) for name in names):
            parts = ", ".join(lora.parts)
            raise ValueError(f"method.target_modules: no linear layer of {parts} is called {called!r}")
    return [name for name in names if any(_is_called(name, called) for called in lora.target_modules)]


def _is_called(name: str, called: str) -> bool:
    return name == called or name.endswith(f".{called}")


def _linear_names(model: PreTrainedModel, lora: Lora) -> list[str]:
    names = []
    for part in lora.parts:
        if not (found := linear_names_of(model, part)):
            raise ValueError(f"method.parts: {type(model).__name__} has no {part} of its own to adapt")
        names += found
    if not (kept := _as_they_are_named(model, names)):
        raise ValueError(f"method.parts: peft finds no layer of {type(model).__name__} again once it is adapted")
    return kept


def _as_they_are_named(model: PreTrainedModel, names: Sequence[str]) -> list[str]:
    """Those layers that peft adapts, and finds again when it reads the adapter.

    It refuses layers that Mamba's kernels pass by. Names that experts' layers had before transformers put them in
    stacks mean the stacks to it: a dense layer of such a name would be left out, and every expert adapted in its place.
    And it renames what it reads as transformers renames old weights, which does not fit every name of today.
    """
    config = LoraConfig(target_modules=list(names))
    written = {f"base_model.model.{name}.lora_A.weight": torch.full((1, 1), at) for at, name in enumerate(names)}
    read = convert_peft_adapter_state_dict_for_transformers(model, config, written)
    is_found = [key in read and torch.equal(read[key], weight) for key, weight in written.items()]
    return [name for name, found in zip(names, is_found, strict=True) if found and _is_taken_by_name(model, name)]


def _is_taken_by_name(model: PreTrainedModel, name: str) -> bool:
    config = LoraConfig(target_modules=[name])
    try:
        _check_lora_target_modules_mamba(config, model, name.rpartition(".")[2])
        convert_peft_config_for_transformers(config, model, None)
    except ValueError:
        return False
    return not config.target_parameters
