"""Which rows each step takes, and what is due after it."""

from itertools import chain

import pytest

from trainer_core.contract.spec import Hyperparameters, Interval, JobSpec
from trainer_core.training.plan import Plan, StepSampler


def plan(num_rows: int = 10, first_step: int = 0, seed: int = 0, **chosen: int) -> Plan:
    least = {"num_epochs": 2, "batch_size": 2, "gradient_accumulation_steps": 2}
    hyperparameters = Hyperparameters.model_validate(least | chosen)
    spec = JobSpec(base_model="m", train_dataset="d", seed=seed, hyperparameters=hyperparameters)
    return Plan.of(spec, num_rows, first_step)


def test_the_last_step_of_an_epoch_takes_what_is_left() -> None:
    sizes = [len(rows) for rows in StepSampler(plan())]

    assert sizes == [4, 4, 2, 4, 4, 2]


def test_every_epoch_sees_every_row_once() -> None:
    steps = list(StepSampler(plan()))

    assert sorted(chain(*steps[:3])) == list(range(10))
    assert sorted(chain(*steps[3:])) == list(range(10))


def test_every_epoch_and_every_seed_has_an_order_of_its_own() -> None:
    first, second = list(StepSampler(plan(50, batch_size=25)))[:2]
    [other, *_] = StepSampler(plan(50, batch_size=25, seed=1))

    assert first != second
    assert first != other


@pytest.mark.parametrize("first_step", [1, 3, 4, 6])
def test_a_run_resumed_takes_the_rows_that_are_left(first_step: int) -> None:
    whole = list(StepSampler(plan()))

    assert list(StepSampler(plan(first_step=first_step))) == whole[first_step:]


def test_rows_of_like_length_meet_in_a_step() -> None:
    lengths = [1, 9, 2, 8, 3, 7, 4, 6, 5, 10]

    steps = list(StepSampler(plan(), lengths))

    spans = sorted(sorted(lengths[index] for index in step) for step in steps[:3])
    assert spans == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert sorted(chain(*steps[:3])) == list(range(10))


def test_the_sampler_knows_how_many_steps_are_left() -> None:
    assert len(StepSampler(plan(first_step=2))) == 4


def test_max_steps_ends_a_run_early() -> None:
    assert plan(max_steps=4).total_steps == 4
    assert plan(max_steps=40).total_steps == 6


def test_epochs_are_counted_in_parts() -> None:
    assert plan().epoch(4) == pytest.approx(4 / 3)


@pytest.mark.parametrize(("every", "due"), [("epoch", [3, 6]), (2, [2, 4, 6]), (4, [4, 6]), (100, [6])])
def test_what_is_due_after_which_step(every: Interval, due: list[int]) -> None:
    assert [step for step in range(1, 7) if plan().is_due(every, step)] == due
