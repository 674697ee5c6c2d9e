"""Copies of tensors that go on changing."""

import torch
from torch import nn

from trainer_core.training.copying import Copies


class Tied(nn.Module):
    """A head that is the embedding, a frozen layer and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(3, 2)
        self.head = nn.Linear(2, 3, bias=False)
        self.head.weight = self.embedding.weight
        self.frozen = nn.Linear(2, 2).requires_grad_(requires_grad=False)
        self.register_buffer("counted", torch.zeros(1))


def test_a_copy_stays_as_it_is() -> None:
    state = {"moments": [torch.ones(2)], "rate": 0.5}

    copied = Copies().of(state)
    state["moments"][0].zero_()  # type: ignore[index]

    assert copied == {"moments": [copied["moments"][0]], "rate": 0.5}
    assert copied["moments"][0].tolist() == [1, 1]


def test_what_shared_memory_does_so_afterwards() -> None:
    tensor = torch.ones(2)

    first, second, other = Copies().of((tensor, tensor.detach(), tensor[:1]))

    assert first is second
    assert other.data_ptr() != first.data_ptr()


def test_weights_that_are_trained_are_copied_and_stay_tied() -> None:
    model = Tied()

    weights = Copies().of_weights(model)
    before = weights["head.weight"].clone()
    model.embedding.weight.data.zero_()

    assert weights["head.weight"] is weights["embedding.weight"]
    assert torch.equal(weights["head.weight"], before)


def test_weights_that_nothing_changes_are_not_copied() -> None:
    model = Tied()

    weights = Copies().of_weights(model)

    assert weights.keys() == model.state_dict().keys()
    assert weights["frozen.weight"].data_ptr() == model.frozen.weight.data_ptr()
    assert weights["counted"].data_ptr() != model.get_buffer("counted").data_ptr()
