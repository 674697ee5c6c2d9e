"""A model in evaluation for a while."""

import torch
from torch import nn

from trainer_core.training.modes import in_evaluation


def test_nothing_is_in_training_meanwhile() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()

    with in_evaluation(model):
        assert not any(module.training for module in model.modules())
        assert not torch.is_grad_enabled()


def test_what_stayed_in_evaluation_stays_there() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).train()
    model[1].eval()

    with in_evaluation(model):
        pass

    assert [module.training for module in model.modules()] == [True, True, False]
