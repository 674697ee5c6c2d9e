"""Noise on embedded tokens."""

import pytest
import torch

from trainer_core.training.optimization import add_noise

IDS = torch.tensor([[0, 1, 2, 3]])


@pytest.fixture
def embedding() -> torch.nn.Embedding:
    """With noise of at most 4/√(4 tokens * 4 wide) = 1 where it trains."""
    embedding = torch.nn.Embedding(4, 4)
    add_noise(embedding, alpha=4.0)
    return embedding


def test_noise_keeps_to_its_bound(embedding: torch.nn.Embedding) -> None:
    noise = embedding(IDS) - embedding.weight[IDS]

    assert noise.any()
    assert noise.abs().max() <= 1.0


def test_there_is_no_noise_in_evaluation(embedding: torch.nn.Embedding) -> None:
    embedding.eval()

    assert torch.equal(embedding(IDS), embedding.weight[IDS])
