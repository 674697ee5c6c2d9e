"""The learning rate over a run."""

import pytest
import torch
from transformers import get_scheduler

from trainer_core.contract.spec import Hyperparameters
from trainer_core.training.schedule import factor


@pytest.mark.parametrize("warmup_ratio", [0.0, 0.25, 1.0])
@pytest.mark.parametrize(
    ("name", "theirs"), [("cosine", "cosine"), ("linear", "linear"), ("constant", "constant_with_warmup")]
)
def test_curves_are_those_of_transformers(name: str, theirs: str, warmup_ratio: float) -> None:
    ours = factor(
        Hyperparameters.model_validate({"learning_rate_schedule": name, "warmup_ratio": warmup_ratio}), total_steps=12
    )
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)

    scheduler = get_scheduler(theirs, optimizer, num_warmup_steps=round(12 * warmup_ratio), num_training_steps=12)

    [their_factor] = scheduler.lr_lambdas
    assert [ours(step) for step in range(12)] == pytest.approx([their_factor(step) for step in range(12)])
