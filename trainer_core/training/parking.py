"""Weights that are not needed for a while leave the device: they lie in a file, mapped into memory, page by page."""

from collections.abc import Mapping

import torch
from torch import Tensor


class Parking:
    """Weights with their copies in a file.

    On a CPU a copy is as good as the weights: whoever needs them after all reads them from there.

    Args:
        weights: Parameters and buffers by name, which nothing changes.
        mapped: Their copies, by the same names.
    """

    def __init__(self, weights: Mapping[str, Tensor], mapped: Mapping[str, Tensor]) -> None:
        self._weights = weights
        self._mapped = mapped
        self._devices = {name: weight.device for name, weight in weights.items()}
        self.is_parked = False

    @property
    def num_bytes(self) -> int:
        """Of all weights."""
        return sum(copy.nbytes for copy in self._mapped.values())

    def park(self) -> None:
        """Let go of the device's memory."""
        self.is_parked = True
        for name, weight in self._weights.items():
            weight.data = self._mapped[name]
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def unpark(self) -> None:
        """Have the weights on their device again."""
        self.is_parked = False
        for name, weight in self._weights.items():
            weight.data = self._mapped[name].to(self._devices[name])
