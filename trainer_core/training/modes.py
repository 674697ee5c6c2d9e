"""A model in evaluation for a while, as it was afterwards: each module by itself, since some stay in evaluation."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def in_evaluation(model: nn.Module) -> Iterator[None]:
    """Without gradients and dropout."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
