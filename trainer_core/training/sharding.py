"""A model whose weights, gradients and optimizer state are spread over the ranks: FSDP2.

Every rank must come to every forward and backward pass, since each of them gathers weights from all.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer
from transformers import PreTrainedModel

from trainer_core.models.parts import language_model

_WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


def shard(model: PreTrainedModel, mesh: DeviceMesh) -> None:
    """Spread a model, each layer of its language model gathered by itself, all the rest together."""
    for layer in _layers(language_model(model)):
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)


def whole_weights(model: nn.Module) -> dict[str, Any]:
    """Weights put together again, on the first rank; every rank must ask."""
    return get_model_state_dict(model, options=_WHOLE)


def whole_optimizer(model: nn.Module, optimizer: Optimizer) -> Mapping[str, Any]:
    """State of the optimizer put together again, on the first rank; every rank must ask."""
    return get_optimizer_state_dict(model, optimizer, options=_WHOLE)


def restore_optimizer(model: nn.Module, optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Spread a state that `whole_optimizer` gave; a parameter that was never used has none."""
    set_optimizer_state_dict(model, optimizer, state, options=StateDictOptions(full_state_dict=True, strict=False))


def whole(tensor: Tensor) -> Tensor:
    """A tensor that may be spread, put together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def _layers(decoder: nn.Module) -> nn.ModuleList:
    """The stack of a decoder: the longest list of modules in it."""
    lists = [module for module in decoder.modules() if isinstance(module, nn.ModuleList)]
    return max(lists, key=len, default=nn.ModuleList())
