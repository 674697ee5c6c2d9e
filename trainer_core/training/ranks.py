"""The processes of one run that share each step's rows: who has which, and how their sums are one.

Gradients are summed once a step, after the last micro-batch, so that ranks may have different numbers of them, or
rows of different kinds, or none. With one process everything here does nothing.
"""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

T = TypeVar("T")


def num_ranks() -> int:
    """Processes of this run."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """This process among them, from 0; the first tells and saves."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def share(rows: Sequence[T]) -> Sequence[T]:
    """The rows of a step that this rank computes."""
    return rows[rank() :: num_ranks()]


def total(value: Tensor) -> Tensor:
    """Sum over all ranks."""
    if num_ranks() > 1:
        distributed.all_reduce(value)
    return value


def sum_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Make every rank's gradients the sum over all ranks; a parameter that no rank used stays without."""
    if num_ranks() == 1:
        return
    device = parameters[0].device
    is_used = total(torch.tensor([parameter.grad is not None for parameter in parameters], device=device).int())
    used = [parameter for parameter, one in zip(parameters, is_used.tolist(), strict=True) if one]
    for dtype in {parameter.dtype for parameter in used}:
        alike = [parameter for parameter in used if parameter.dtype == dtype]
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in alike]
        summed = total(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        for parameter, gradient in zip(alike, torch.split(summed, [one.numel() for one in alike]), strict=True):
            parameter.grad = gradient.view_as(parameter)
