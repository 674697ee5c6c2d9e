"""Random numbers that depend on what they are for alone."""

import random

import numpy as np
import pytest
import torch

from trainer_core.data.chance import seed_step, seeded_row

Draw = tuple[float, float, float]


def drawn() -> Draw:
    return float(torch.rand(())), random.random(), float(np.random.random())  # noqa: NPY002, S311


def of_step(seed: int = 1, step: int = 2, rank: int = 0) -> Draw:
    seed_step(seed, step, rank)
    return drawn()


def of_row(seed: int = 1, line: int = 2, part: int = 0) -> Draw:
    with seeded_row(seed, line, part):
        return drawn()


def test_a_step_draws_the_same_whatever_was_drawn_before() -> None:
    first = of_step()
    drawn()

    assert of_step() == first


@pytest.mark.parametrize("other", [{"seed": 0}, {"seed": 2**32 - 1}, {"step": 3}, {"rank": 1}])
def test_seeds_steps_and_ranks_draw_each_for_themselves(other: dict[str, int]) -> None:
    assert not set(of_step(**other)) & set(of_step())


@pytest.mark.parametrize("other", [{"seed": 0}, {"line": 3}, {"part": 1}])
def test_rows_draw_each_for_themselves(other: dict[str, int]) -> None:
    assert not set(of_row(**other)) & set(of_row())


def test_a_row_takes_no_number_from_what_goes_on() -> None:
    seed_step(1, 2, 0)
    of_row()

    assert drawn() == of_step()
