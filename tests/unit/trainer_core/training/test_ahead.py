"""Inputs that forks make before they are asked for."""

import os
from collections.abc import Mapping

import psutil
import torch
from torch import Tensor

from trainer_core.training.ahead import Ahead

KEYS = [f"image-{number}" for number in range(12)]


def inputs(key: str) -> Mapping[str, Tensor]:
    return {"pixel_values": torch.full((2, 2), float(key.split("-")[1])), "made_by": torch.tensor(os.getpid())}


def ahead(kept: set[str] | None = None) -> Ahead:
    return Ahead(inputs, KEYS, num_processes=2, is_needed=lambda key: key not in (kept or ()))


def pixels(made: Mapping[str, Tensor] | None) -> float | None:
    return None if made is None else float(made["pixel_values"][0, 0])


def test_units_are_prepared_by_other_processes() -> None:
    made = ahead().take("image-0")

    assert made is not None
    assert int(made["made_by"]) != os.getpid()


def test_units_may_be_asked_for_in_another_order() -> None:
    coming = ahead()

    assert [pixels(coming.take(key)) for key in ("image-2", "image-0", "image-5", "image-1")] == [2, 0, 5, 1]


def test_what_was_not_expected_is_made_by_nobody() -> None:
    assert ahead().take("another") is None


def test_a_unit_is_given_once() -> None:
    coming = ahead()
    coming.take("image-1")

    assert coming.take("image-1") is None


def test_what_was_passed_by_and_is_needed_no_more_is_not_held() -> None:
    coming = ahead(kept={"image-0", "image-1"})
    coming.take("image-2")

    assert coming.take("image-1") is None


def test_processes_end_with_the_last_unit() -> None:
    before = set(psutil.Process().children())
    coming = ahead()
    coming.take("image-0")
    forks = set(psutil.Process().children()) - before

    coming.take("image-11")

    assert len(forks) == 2
    assert psutil.wait_procs(forks, timeout=60)[1] == []


def test_without_processes_nothing_is_made_ahead() -> None:
    assert Ahead(inputs, KEYS, 0, lambda _: True).take("image-0") is None
