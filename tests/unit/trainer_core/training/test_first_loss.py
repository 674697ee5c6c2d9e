"""First losses that a person should know of."""

import math

import pytest

from trainer_core.training.first_loss import why_odd


@pytest.mark.parametrize("loss", [0.2, 2.0, math.log(512) - 0.01])
def test_an_ordinary_loss_is_not_odd(loss: float) -> None:
    assert why_odd(loss, 512) is None


@pytest.mark.parametrize(("loss", "words"), [(7.0, "by chance has 6.24"), (0.0, "knows the answers already")])
def test_an_odd_loss_is_explained(loss: float, words: str) -> None:
    assert words in str(why_odd(loss, 512))


def test_a_loss_that_is_no_number_is_told_elsewhere() -> None:
    assert why_odd(float("nan"), 512) is None
