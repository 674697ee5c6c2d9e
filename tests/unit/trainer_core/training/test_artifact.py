"""Precision of what a run leaves."""

import torch
from torch import nn

from trainer_core.training.artifact import cast


class Rotary(nn.Module):
    """Has weights, statistics, and angles that are computed when it is made."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.register_buffer("mean", torch.ones(2))
        self.register_buffer("angles", torch.ones(2, dtype=torch.complex64) * 1j, persistent=False)
        self.register_buffer("frequencies", torch.ones(2), persistent=False)


def test_what_is_written_is_cast() -> None:
    model = Rotary()

    cast(model, torch.bfloat16)

    assert {name: one.dtype for name, one in model.state_dict().items()} == {
        "weight": torch.bfloat16,
        "mean": torch.bfloat16,
    }


def test_what_is_computed_anew_stays_as_it_is() -> None:
    model = Rotary()

    cast(model, torch.bfloat16)

    buffers = dict(model.named_buffers())
    assert buffers["frequencies"].dtype is torch.float32
    assert buffers["angles"].tolist() == [1j, 1j]
