"""Numbers by step, and what is left of a long series where few points are wanted. It knows no table."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

MIN_POINTS = 10
"""Fewer would draw nothing."""

Dot = tuple[int, float]
"""A step and the number there."""


@dataclass(frozen=True)
class Point:
    """One number at one step."""

    name: str
    step: int
    value: float


@dataclass(frozen=True)
class Series:
    """One metric over the steps of a job."""

    name: str
    num_points: int
    """Before it was thinned."""
    steps: list[int]
    values: list[float]
    times: list[float] | None = None
    """When each point was written, in seconds since 1970; None unless asked for."""


def thinning_width(first: int, last: int, max_points: int) -> int:
    """How many steps share their least and their greatest, so that at most `max_points` are left of such steps."""
    num_pairs = max_points // 2 - 1  # two more are the first and the last
    return max(1, -(-(last - first + 1) // (num_pairs - 1)))  # one pair more where the first is cut by its bound


def thin(dots: Sequence[Dot], width: int) -> list[Dot]:
    """The first and the last, and of every `width` steps the least and the greatest.

    What is drawn a column of pixels for each `width` steps looks the same.

    Args:
        dots: By step.
    """
    kept = {dots[0], dots[-1]}
    for _, some in groupby(dots, key=lambda dot: dot[0] // width):
        kept.update(extremes(list(some)))
    return sorted(kept)


def extremes(dots: Sequence[Dot]) -> tuple[Dot, Dot]:
    """The least and the greatest of them; of equal ones the first."""
    return min(dots, key=_value), max(dots, key=_value)


def _value(dot: Dot) -> float:
    return dot[1]
