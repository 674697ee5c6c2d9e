"""The loss of pairs."""

import math

import pytest
import torch
from torch.nn.functional import logsigmoid

from trainer_core.training.preference_tuning import dpo_losses

POLICY = torch.tensor([-10.0, -3.5, -4.0, -9.0, -3.0, -4.0])
REFERENCE = torch.tensor([-11.0, -3.0, -4.0, -8.0, -4.0, -4.0])


@pytest.mark.parametrize("beta", [0.1, 2.0])
def test_the_loss_is_trls_sigmoid_loss(beta: float) -> None:
    (chosen, rejected), (chosen_before, rejected_before) = (one.chunk(2) for one in (POLICY, REFERENCE))
    ratios = (chosen - rejected) - (chosen_before - rejected_before)

    losses = dpo_losses(POLICY, REFERENCE, beta)[0]

    assert torch.allclose(losses, -logsigmoid(beta * ratios))


def test_rewards_are_what_the_policy_has_gained() -> None:
    _, chosen, rejected, margins, is_right = dpo_losses(POLICY, REFERENCE, 0.5)

    assert chosen.tolist() == pytest.approx([0.5, -0.25, 0.0])
    assert rejected.tolist() == pytest.approx([-0.5, 0.5, 0.0])
    assert margins.tolist() == pytest.approx([1.0, -0.75, 0.0])
    assert is_right.tolist() == [1.0, 0.0, 0.0]


def test_a_model_that_has_not_moved_loses_what_a_coin_does() -> None:
    assert dpo_losses(REFERENCE, REFERENCE, 0.1)[0].tolist() == pytest.approx([math.log(2)] * 3)


def test_a_margin_that_is_very_wrong_has_a_finite_loss() -> None:
    losses = dpo_losses(torch.tensor([-9e4, 0.0]), torch.zeros(2), 2.0)[0]

    assert losses.tolist() == pytest.approx([1.8e5])
