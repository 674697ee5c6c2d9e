"""How many steps a run has and which rows each takes: a function of the spec, so that a run can go on anywhere."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch.utils.data import Sampler

from trainer_core.contract.spec import Interval, JobSpec

_MOST_EPOCHS = 1_000_003
"""More than any run has, so that no two seeds share an order."""
_WINDOW_STEPS = 50
"""Steps whose rows are sorted by length together."""


@dataclass(frozen=True)
class Plan:
    """The steps of a run. A step is one optimizer step."""

    num_rows: int
    rows_per_step: int
    total_steps: int
    first_step: int
    """Steps that were done before, by the run that this one resumes."""
    seed: int

    @classmethod
    def of(cls, spec: JobSpec, num_rows: int, first_step: int) -> "Plan":
        """The plan that a spec makes for so many rows."""
        chosen = spec.hyperparameters
        rows_per_step = chosen.batch_size * chosen.gradient_accumulation_steps
        total_steps = chosen.num_epochs * math.ceil(num_rows / rows_per_step)
        return cls(num_rows, rows_per_step, min(total_steps, chosen.max_steps or total_steps), first_step, spec.seed)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every row is seen once."""
        return math.ceil(self.num_rows / self.rows_per_step)

    def epoch(self, step: int) -> float:
        """Epochs completed after `step` steps."""
        return step / self.steps_per_epoch

    def is_due(self, every: Interval, step: int) -> bool:
        """True if something that happens every so often happens after `step`; the last step always counts."""
        interval = self.steps_per_epoch if every == "epoch" else every
        return step % interval == 0 or step == self.total_steps


class StepSampler(Sampler[list[int]]):
    """The rows of each step that is still to be done, every epoch in an order of its own.

    Args:
        plan: The steps.
        lengths: Of the rows, in tokens, if rows of like length shall meet in a step.
    """

    def __init__(self, plan: Plan, lengths: Sequence[int] | None = None) -> None:
        self._plan = plan
        self._lengths = lengths

    def __len__(self) -> int:
        return self._plan.total_steps - self._plan.first_step

    def __iter__(self) -> Iterator[list[int]]:
        plan = self._plan
        for step in range(plan.first_step, plan.total_steps):
            yield self.rows(step)

    def rows(self, step: int) -> list[int]:
        """Numbers of the rows that a step takes, steps counted from 0."""
        epoch, position = divmod(step, self._plan.steps_per_epoch)
        return self._steps(epoch)[position]

    @lru_cache(maxsize=1)  # noqa: B019 - it lives as long as the run
    def _steps(self, epoch: int) -> list[list[int]]:
        plan = self._plan
        generator = torch.Generator().manual_seed(plan.seed * _MOST_EPOCHS + epoch)
        order = torch.randperm(plan.num_rows, generator=generator).tolist()
        if self._lengths is None:
            return _cut(order, plan.rows_per_step)
        # Sorting a window at a time leaves chance over which rows meet; the steps are then shuffled again.
        windows = _cut(order, plan.rows_per_step * _WINDOW_STEPS)
        by_length = [index for window in windows for index in sorted(window, key=self._lengths.__getitem__)]
        steps = _cut(by_length, plan.rows_per_step)
        return [steps[index] for index in torch.randperm(len(steps), generator=generator).tolist()]


def _cut(order: list[int], size: int) -> list[list[int]]:
    return [order[start : start + size] for start in range(0, len(order), size)]
