"""How many tokens a model would have written as they stand: counted on the way to the loss, from the same logits."""

import torch
from torch import Tensor

from trainer_core.module import masked_cross_entropy

MEASURE = "token_accuracy"
"""The part of the supervised tokens that were the likeliest ones."""


class CountingLoss:
    """The mean cross-entropy, which also counts where nothing is differentiated: in training it costs nothing."""

    def __init__(self) -> None:
        self._num_right: Tensor | int = 0

    def __call__(self, logits: Tensor, targets: Tensor, mask: Tensor | None = None) -> Tensor:
        """See `masked_cross_entropy`."""
        if not torch.is_grad_enabled():
            self._num_right = self._num_right + (logits.argmax(-1) == targets).sum()
        return masked_cross_entropy(logits, targets, mask)

    def take(self) -> int:
        """How many targets were the likeliest tokens since this was asked last."""
        found, self._num_right = int(self._num_right), 0
        return found
