"""What the optimizer walks on: parameters in groups, each part of the model at a learning rate of its own."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Optimizer
from transformers import PreTrainedModel

from trainer_core.contract.spec import Hyperparameters
from trainer_core.models.parts import parameters_of


def make_optimizer(model: PreTrainedModel, chosen: Hyperparameters) -> Optimizer:
    """AdamW over whatever is trained.

    Raises:
        ValueError: A learning rate is given for a part in which nothing is trained.
    """
    groups = list(_groups(model, chosen))
    if chosen.optimizer == "adamw":
        return AdamW(groups, lr=chosen.learning_rate, fused=True)
    from bitsandbytes.optim import AdamW8bit  # noqa: PLC0415 - it loads a library of kernels

    eight_bit: Any = AdamW8bit
    optimizer: Optimizer = eight_bit(groups, lr=chosen.learning_rate)
    return optimizer


def _groups(model: PreTrainedModel, chosen: Hyperparameters) -> Iterator[dict[str, Any]]:
    """Parts one by one; in each, matrices decay, and biases and the scales of norms do not."""
    rates = {"vision_tower": chosen.vision_learning_rate, "projector": chosen.projector_learning_rate}
    for part, parameters in parameters_of(model).items():
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        rate = rates.get(part)
        if rate is not None and not trained:
            raise ValueError(f"a learning rate is given for the {part.replace('_', ' ')}, but nothing in it is trained")
        matrices = [parameter for parameter in trained if parameter.ndim > 1]
        others = [parameter for parameter in trained if parameter.ndim <= 1]
        for params, decay in ((matrices, chosen.weight_decay), (others, 0.0)):
            if params:
                yield {"params": params, "weight_decay": decay, "lr": rate or chosen.learning_rate}


def add_noise(embedding: nn.Module, alpha: float) -> None:
    """Add uniform noise to embedded tokens while the model trains: NEFTune, Jain et al. 2023.

    Its bound is alpha over the root of tokens times width.
    """

    def noisy(module: nn.Module, _inputs: Any, embedded: torch.Tensor) -> torch.Tensor:
        if not module.training:
            return embedded
        bound = alpha / (embedded.shape[-2] * embedded.shape[-1]) ** 0.5
        return embedded + torch.empty_like(embedded).uniform_(-bound, bound)

    embedding.register_forward_hook(noisy)
