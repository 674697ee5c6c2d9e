"""How many steps a run has and which rows each takes: a function of the spec, so that a run can go on anywhere."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.utils.data import Sampler

from trainer_core.contract.spec import Interval, JobSpec

_MOST_EPOCHS = 1_000_003
"""More than any run has, so that no two seeds share an order."""


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
    """The rows of each step that is still to be done, every epoch in an order of its own."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __len__(self) -> int:
        return self._plan.total_steps - self._plan.first_step

    def __iter__(self) -> Iterator[list[int]]:
        plan = self._plan
        ordered = -1
        order: list[int] = []
        for step in range(plan.first_step, plan.total_steps):
            epoch, position = divmod(step, plan.steps_per_epoch)
            if epoch != ordered:
                order, ordered = self._order(epoch), epoch
            yield order[position * plan.rows_per_step : (position + 1) * plan.rows_per_step]

    def _order(self, epoch: int) -> list[int]:
        generator = torch.Generator().manual_seed(self._plan.seed * _MOST_EPOCHS + epoch)
        return torch.randperm(self._plan.num_rows, generator=generator).tolist()
