"""Checkpoints: a model folder like an artifact, and beside it what training needs to go on."""

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.optim import Optimizer

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.events import CheckpointDeleted, CheckpointSaved
from trainer_core.contract.spec import Checkpointing
from trainer_core.training import ranks
from trainer_core.training.fine_tuning import FineTuning
from trainer_core.training.folders import write_folder
from trainer_core.training.improvement import Improvement
from trainer_core.training.plan import Plan
from trainer_core.training.sharding import restore_optimizer, whole_optimizer, whole_weights

STATE = "training_state.pt"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint to go on from."""

    folder: Path
    step: int
    state: dict[str, Any]
    """State of optimizer, schedule, random number generators and the best evaluation."""

    @classmethod
    def load(cls, folder: Path) -> "Checkpoint":
        """Read the training state; nothing in it can run code.

        Raises:
            TrainerError: The folder is no checkpoint.
        """
        if not (folder / STATE).is_file():
            raise TrainerError(FailureCode.INVALID_SPEC, f"{folder} is no checkpoint: it has no {STATE}")
        state = torch.load(folder / STATE, weights_only=True, map_location="cpu")
        return cls(folder, state["step"], state)

    def restore(self, trainer: pl.Trainer, module: FineTuning) -> None:
        """Put optimizer, schedule and random number generators back to where they were."""
        if module.is_sharded:
            restore_optimizer(module.base, _optimizer(trainer), self.state["optimizer"])
        else:
            _optimizer(trainer).load_state_dict(self.state["optimizer"])
        trainer.lr_scheduler_configs[0].scheduler.load_state_dict(self.state["scheduler"])
        torch.set_rng_state(self.state["torch_rng"])
        if torch.cuda.is_available() and self.state["cuda_rng"]:
            torch.cuda.set_rng_state_all(self.state["cuda_rng"])
        version, internal, gauss = self.state["python_rng"]
        random.setstate((version, tuple(internal), gauss))


@dataclass(frozen=True)
class Best:
    """Where the weights of the best evaluation are."""

    step: int
    folder: Path


class Checkpoints:
    """Writes the checkpoints of one run and deletes those that are too old, but for the best.

    Args:
        run_dir: The run's folder.
        plan: Its steps.
        chosen: What to keep.
        improvement: Which evaluation was the best.
        resumed: The checkpoint that the run goes on from, beside which the best one may lie.
    """

    def __init__(
        self, run_dir: Path, plan: Plan, chosen: Checkpointing, improvement: Improvement, resumed: Checkpoint | None
    ) -> None:
        self._run_dir = run_dir
        self._plan = plan
        self._chosen = chosen
        self._improvement = improvement
        self._resumed = resumed
        self._steps: list[int] = []

    @property
    def best(self) -> Best | None:
        """The checkpoint of the best evaluation, if it is kept."""
        step = self._improvement.best_step
        if step is None:
            return None
        folders = [self._run_dir / _path(step)]
        if self._resumed is not None:
            folders.append(self._resumed.folder.parent / _path(step).rpartition("/")[2])
        return next((Best(step, folder) for folder in folders if folder.is_dir()), None)

    def save(
        self, trainer: pl.Trainer, module: FineTuning, step: int, metrics: dict[str, float]
    ) -> Sequence[CheckpointSaved | CheckpointDeleted]:
        """Write the checkpoint of a step, unless it is there, and tell what was written and deleted.

        Every rank must come here; the first one writes.
        """
        if step in self._steps:
            return self._delete_old()
        self._steps.append(step)
        weights = whole_weights(module.model) if module.is_sharded else None
        state = _state(trainer, module, step) | {"improvement": self._improvement.state}
        if ranks.rank() > 0:
            return []
        path = _path(step)

        def write(folder: Path) -> None:
            module.save_checkpoint(folder, weights)
            with (folder / STATE).open("wb") as file:  # by its path, torch would not tell that the disk is full
                torch.save(state, file)

        manifest = write_folder(self._run_dir / path, write)
        saved = CheckpointSaved(
            step=step,
            epoch=self._plan.epoch(step),
            path=path,
            num_bytes=manifest.num_bytes,
            manifest_sha256=manifest.sha256,
            metrics=metrics,
        )
        return [saved, *self._delete_old()]

    def _delete_old(self) -> list[CheckpointDeleted]:
        if ranks.rank() > 0:
            return []
        best = self._improvement.best_step if self._chosen.keep_best else None
        old = [step for step in self._steps[: -self._chosen.keep_last] if step != best]
        self._steps = [step for step in self._steps if step not in old]
        for step in old:
            shutil.rmtree(self._run_dir / _path(step))
        return [CheckpointDeleted(step=step, path=_path(step)) for step in old]


def _path(step: int) -> str:
    return f"checkpoints/step-{step:06d}"


def _optimizer(trainer: pl.Trainer) -> Optimizer:
    return trainer.optimizers[0]


def _state(trainer: pl.Trainer, module: FineTuning, step: int) -> dict[str, Any]:
    version, internal, gauss = random.getstate()
    optimizer = _optimizer(trainer)
    return {
        "step": step,
        "optimizer": whole_optimizer(module.base, optimizer) if module.is_sharded else optimizer.state_dict(),
        "scheduler": trainer.lr_scheduler_configs[0].scheduler.state_dict(),
        "torch_rng": torch.get_rng_state(),
        "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python_rng": [version, list(internal), gauss],
    }
