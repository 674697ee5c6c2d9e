"""What is left of a long series."""

import math

import pytest

from store.series import Dot, thin, thinning_width

WAVE: list[Dot] = [(step, math.sin(step / 7)) for step in range(100, 10_100)]


@pytest.mark.parametrize("max_points", [10, 11, 100, 999])
def test_no_more_is_left_than_was_asked_for(max_points: int) -> None:
    width = thinning_width(WAVE[0][0], WAVE[-1][0], max_points)

    assert len(thin(WAVE, width)) <= max_points


def test_the_first_and_the_last_are_left() -> None:
    left = thin(WAVE, 400)

    assert (left[0], left[-1]) == (WAVE[0], WAVE[-1])


def test_of_each_width_the_least_and_the_greatest_are_left() -> None:
    dots = [(0, 3.0), (1, 1.0), (2, 2.0), (3, 9.0), (4, 8.0), (5, 5.0), (6, 7.0), (7, 6.0)]

    assert thin(dots, 4) == [(0, 3.0), (1, 1.0), (3, 9.0), (4, 8.0), (5, 5.0), (7, 6.0)]


def test_of_equal_numbers_the_first_is_left() -> None:
    assert thin([(step, 1.0) for step in range(100)], 50) == [(0, 1.0), (50, 1.0), (99, 1.0)]
