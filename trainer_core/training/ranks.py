"""The processes of one run that share each step's rows: who has which, and how their sums are one.

Gradients are summed once a step, after the last micro-batch, so that ranks may have different numbers of them, or
rows of different kinds, or none. With one process everything here does nothing.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor, distributed, nn

from trainer_core.training import launch

T = TypeVar("T")


class Ranks(DDPStrategy):
    """Lightning starts the processes and keeps them together; gradients are summed here rather than by its wrapper."""

    def configure_ddp(self) -> None:
        """Leave the model as it is."""


def num_ranks() -> int:
    """Processes of this run."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """This process among them, from 0; the first tells and saves."""
    return launch.rank()


def wait() -> None:
    """Until every rank has come here."""
    if num_ranks() > 1:
        distributed.barrier()


def largest(value: int, device: torch.device) -> int:
    """The largest of the ranks' values."""
    return _reduced(value, device, distributed.ReduceOp.MAX)


def added(value: int, device: torch.device) -> int:
    """The sum of the ranks' values."""
    return _reduced(value, device, distributed.ReduceOp.SUM)


def _reduced(value: int, device: torch.device, operation: Any) -> int:
    if num_ranks() == 1:
        return value
    found = torch.tensor(value, device=device)
    distributed.all_reduce(found, operation)
    return int(found)


def gathered(value: T) -> list[T]:
    """The values of all ranks, by their number."""
    if num_ranks() == 1:
        return [value]
    found: list[Any] = [None] * num_ranks()
    distributed.all_gather_object(found, value)
    return found


def share(rows: Sequence[T]) -> Sequence[T]:
    """The rows of a step that this rank computes."""
    return rows[rank() :: num_ranks()]


def share_evenly(groups: Sequence[T]) -> list[tuple[T, bool]]:
    """This rank's part of some things of one kind, as many as every other rank's.

    Where they do not come out even, a rank takes one that counts for nothing: the second value is False.
    """
    indices = [start + rank() for start in range(0, len(groups), num_ranks())]
    return [(groups[min(index, len(groups) - 1)], index < len(groups)) for index in indices]


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
