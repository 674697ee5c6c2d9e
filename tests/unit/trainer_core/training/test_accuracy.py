"""Tokens that a model would have written as they stand."""

import torch

from trainer_core.module import masked_cross_entropy
from trainer_core.training.accuracy import CountingLoss

LOGITS = torch.tensor([[0.0, 1.0, 2.0], [3.0, 1.0, 2.0], [0.0, 9.0, 2.0]])
TARGETS = torch.tensor([2, 1, 1])


def test_the_likeliest_tokens_are_counted_until_they_are_taken() -> None:
    counting = CountingLoss()

    with torch.no_grad():
        counting(LOGITS, TARGETS)
        counting(LOGITS[:1], TARGETS[:1])

    assert [counting.take(), counting.take()] == [3, 0]


def test_nothing_is_counted_in_training() -> None:
    counting = CountingLoss()

    counting(LOGITS, TARGETS)

    assert counting.take() == 0


def test_the_loss_is_what_it_was() -> None:
    assert torch.equal(CountingLoss()(LOGITS, TARGETS), masked_cross_entropy(LOGITS, TARGETS))
