"""The language model's weights in 4 or 8 bits, by bitsandbytes; tower, projector and head stay as they are.

Transformers puts bitsandbytes' layers in place of plain linear ones. Whatever else holds matrices of a language model,
a mixture's experts above all, is held in 4 bits here; in 8 it cannot be.
"""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import nn
from transformers import BitsAndBytesConfig, PreTrainedModel

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.models.parts import language_model, linear_names, linear_names_of, vision_model

Quantization = Literal["none", "nf4", "int8"]
_LEAST_SIDE = 32
"""A smaller matrix stays as it is: nothing is gained by it, and Gemma 3n's coefficients are clamped in every step."""
Place = tuple[nn.Module, str]
"""A module, and the name that it has for one of its parameters."""


def quantization_config(skeleton: PreTrainedModel, quantization: Quantization, dtype: torch.dtype) -> Any:
    """What `from_pretrained` is told.

    Args:
        skeleton: The model without weights.
        quantization: Not `none`.
        dtype: In which 4-bit weights are computed with.

    Raises:
        TrainerError: Weights that cannot be held in 8 bits are most of this model.
    """
    quantised = _linear_names(skeleton)
    kept = [name for name in linear_names(skeleton, skeleton) if name not in quantised]
    if quantization == "int8":
        _check_that_all_is_linear(skeleton)
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=kept)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=kept,
    )


def quantised_weights(skeleton: PreTrainedModel) -> set[str]:
    """Full names of the weights that are held in fewer bits."""
    stacks = {id(module.get_parameter(name)) for module, name in _left_over(skeleton)}
    left_over = {name for name, parameter in skeleton.named_parameters() if id(parameter) in stacks}
    return left_over | {f"{name}.weight" for name in _linear_names(skeleton)}


def _linear_names(model: PreTrainedModel) -> set[str]:
    return {
        name
        for name in linear_names_of(model, "language_model")
        if min(model.get_parameter(f"{name}.weight").shape) >= _LEAST_SIDE
    }


def hold_in_4_bits(model: PreTrainedModel) -> None:
    """Complete what transformers began: hold the other matrices of the language model in 4 bits too."""
    from bitsandbytes.nn.parametrize import replace_parameter_4bit  # noqa: PLC0415 - most runs need it not

    for module, name in list(_left_over(model)):
        replace_parameter_4bit(module, name, compress_statistics=True, quant_type="nf4")
        held: Any = module.parametrizations
        held[name][0].register_forward_pre_hook(_follow)


def _follow(held: Any, inputs: tuple[torch.Tensor]) -> None:
    """Take the statistics of quantised weights along to where the weights were moved."""
    held.quant_state.to(inputs[0].device)


def _left_over(model: PreTrainedModel) -> Iterator[Place]:
    """Matrices of the language model that transformers does not quantise: stacks, and layers of a kind of their own.

    Convolutions are stacks too, of a few numbers; and a stack of single rows, as some scales are, is no matrix.
    """
    own = {name for name in linear_names_of(model, "language_model") if _is_of_its_own_kind(model.get_submodule(name))}
    for name, module in model.named_modules():
        if name in own:
            yield module, "weight"
    tower = vision_model(model)
    seeing = set() if tower is None else set(tower.modules())
    for module in (one for one in language_model(model).modules() if one not in seeing):
        for name, parameter in module.named_parameters(recurse=False):
            is_stack = parameter.ndim == 3 and min(parameter.shape) > 1  # noqa: PLR2004 - a stack of matrices
            if is_stack and not isinstance(module, nn.modules.conv._ConvNd):  # noqa: SLF001 - all convolutions' class
                yield module, name


def _is_of_its_own_kind(layer: nn.Module) -> bool:
    """Transformers quantises layers of torch's own class only, and tells of what class they were."""
    return isinstance(layer, nn.Linear) and type(layer) is not nn.Linear and not hasattr(layer, "source_cls")


def _check_that_all_is_linear(model: PreTrainedModel) -> None:
    for module, name in _left_over(model):
        held = f"{type(module).__name__}.{name}"
        message = f"int8 cannot hold all of this base model, {held} say; use nf4, or no quantization"
        raise TrainerError(FailureCode.INVALID_SPEC, f"method.quantization: {message}")
