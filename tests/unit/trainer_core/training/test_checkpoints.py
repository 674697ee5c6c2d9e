"""When a checkpoint is due."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.unit.clock import Clock
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.spec import Checkpointing
from trainer_core.training.checkpoints import Checkpoints, newest_whole
from trainer_core.training.improvement import Improvement
from trainer_core.training.plan import Plan
from trainer_core.training.progress import Progress

CPU = torch.device("cpu")
PLAN = Plan(num_rows=1000, rows_per_step=1, total_steps=1000, first_step=0, seed=0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def checkpoints(tmp_path: Path, clock: Clock) -> Callable[..., Checkpoints]:
    """Makes those of a run that has come to some step."""

    def make(chosen: Checkpointing, step: int = 7, *, is_last: bool = False) -> Checkpoints:
        progress = Progress(Improvement("loss"), step=step, is_last=is_last)
        return Checkpoints(tmp_path, PLAN, chosen, {}, progress, None, clock)

    return make


@pytest.mark.parametrize(("step", "is_due"), [(7, False), (8, True), (1000, True)])
def test_one_is_due_every_so_many_steps_and_at_the_end(
    checkpoints: Callable[..., Checkpoints],
    step: int,
    is_due: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert checkpoints(Checkpointing(every=4), step).is_due(CPU) is is_due


def test_one_is_due_at_the_step_that_turned_out_to_be_the_last(checkpoints: Callable[..., Checkpoints]) -> None:
    assert checkpoints(Checkpointing(every=4), is_last=True).is_due(CPU)


@pytest.mark.parametrize(("seconds", "is_due"), [(179, False), (180, True)])
def test_one_is_due_when_so_many_minutes_have_passed(
    checkpoints: Callable[..., Checkpoints],
    clock: Clock,
    seconds: int,
    is_due: bool,  # noqa: FBT001 - a parameter
) -> None:
    found = checkpoints(Checkpointing(every_minutes=3))

    clock.now += seconds

    assert found.is_due(CPU) is is_due


def test_the_clock_does_not_matter_if_it_is_not_to(checkpoints: Callable[..., Checkpoints], clock: Clock) -> None:
    found = checkpoints(Checkpointing(every_minutes=None))

    clock.now += 10**9

    assert not found.is_due(CPU)


def test_the_newest_whole_one_is_found(tmp_path: Path) -> None:
    for step in (3, 6, 9, 12):
        folder = tmp_path / "checkpoints" / f"step-{step:06d}"
        folder.mkdir(parents=True)
        (folder / "weights").write_text("whole")
        if step < 12:  # the newest has no manifest yet
            Manifest.of(folder).save(folder)
    (tmp_path / "checkpoints/step-000009/weights").write_text("torn")

    assert newest_whole(tmp_path) == tmp_path / "checkpoints/step-000006"


def test_a_run_that_has_left_none_has_no_newest_one(tmp_path: Path) -> None:
    assert newest_whole(tmp_path) is None
