"""What pairs were worth at first, remembered."""

from typing import Any

import pytest
import torch

from trainer_core.training import ranks
from trainer_core.training.reference import Reference

NUMBERS = torch.tensor([2, 0])
LOG_PROBABILITIES = torch.tensor([-1.0, -2.0, -3.0, -4.0])
"""Of the preferred answers of pairs 2 and 0, then of their other ones."""


@pytest.fixture
def reference() -> Reference:
    """Of three pairs, of which two are known."""
    reference = Reference(3)
    reference.learn(NUMBERS, LOG_PROBABILITIES)
    return reference


def test_what_was_learned_comes_back_in_any_order(reference: Reference) -> None:
    found = reference.of(torch.tensor([0, 2]))

    assert found is not None
    assert found.tolist() == [-2.0, -1.0, -4.0, -3.0]


def test_of_pairs_with_one_that_is_unknown_nothing_comes(reference: Reference) -> None:
    assert reference.of(torch.tensor([0, 1])) is None


def test_a_checkpoint_remembers(reference: Reference) -> None:
    resumed = Reference(3)

    resumed.restore(reference.state)

    found = resumed.of(NUMBERS)
    assert found is not None
    assert torch.equal(found, LOG_PROBABILITIES)


def test_a_rank_that_knows_all_by_itself_still_tells_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []

    def gathered(value: Any) -> list[Any]:
        told.append(value)
        return [value]

    monkeypatch.setattr(ranks, "num_ranks", lambda: 2)
    monkeypatch.setattr(ranks, "gathered", gathered)
    reference = Reference(2)
    reference.learn(torch.tensor([0, 1]), LOG_PROBABILITIES)

    reference.share()
    reference.share()

    assert [len(one) for one in told] == [1]
