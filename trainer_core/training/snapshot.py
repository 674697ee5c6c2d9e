"""A run between two steps: taken out of the trainer in one go, written whenever there is time, read and put back.

In a folder it is a model like an artifact, and beside it what training needs to go on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.optim import Optimizer

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.training import ranks
from trainer_core.training.copying import Copies
from trainer_core.training.decisions import Decisions
from trainer_core.training.fine_tuning import FineTuning
from trainer_core.training.identity import Identity, check_same
from trainer_core.training.progress import Progress
from trainer_core.training.sharding import restore_optimizer, whole_optimizer, whole_weights

STATE = "training_state.pt"


@dataclass(frozen=True)
class Snapshot:
    """What a checkpoint holds. Whole on the first rank; the others help to put it together."""

    model: Any
    """Knows how it is written; its weights have gone on."""
    weights: dict[str, Any]
    processor_files: Mapping[str, bytes]
    state: dict[str, Any]

    @classmethod
    def take(
        cls, trainer: pl.Trainer, module: FineTuning, progress: Progress, identity: Identity, *, copy: bool
    ) -> "Snapshot":
        """What the run is between two steps; every rank must come here.

        Args:
            copy: Copy whatever the next step changes; else it has to be written before.
        """
        copies, model, optimizer = Copies(), module.model, _optimizer(trainer)
        if module.is_sharded:
            # Before its optimizer, which does not know the parameters that an evaluation has gathered.
            weights = whole_weights(model)
        else:
            weights = copies.of_weights(model) if copy else model.state_dict()
        state = {
            "identity": dict(identity),
            "progress": progress.state,
            "decisions": ranks.gathered(module.decisions.state),
            "kept": module.kept,
            "optimizer": whole_optimizer(module.base, optimizer) if module.is_sharded else optimizer.state_dict(),
            "scheduler": trainer.lr_scheduler_configs[0].scheduler.state_dict(),
        }
        return cls(model, weights, module.processor_files, copies.of(state) if copy else state)

    def write(self, folder: Path) -> None:
        """Write all of it into a folder."""
        self.model.save_pretrained(folder, state_dict=self.weights)
        for name, content in self.processor_files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        with (folder / STATE).open("wb") as file:  # by its path, torch would not tell that the disk is full
            torch.save(self.state, file)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint to go on from."""

    folder: Path
    progress: Progress
    state: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path, identity: Identity) -> "Checkpoint":
        """Read the training state; nothing in it can run code.

        Raises:
            TrainerError: The folder is no checkpoint, or one of another run.
        """
        if not (folder / STATE).is_file():
            raise TrainerError(FailureCode.INVALID_SPEC, f"{folder} is no checkpoint: it has no {STATE}")
        state = torch.load(folder / STATE, weights_only=True, map_location="cpu")
        check_same(state["identity"], identity)
        return cls(folder, Progress.remembered(state["progress"]), state)

    def restore(self, trainer: pl.Trainer, module: FineTuning) -> None:
        """Put optimizer, schedule and decisions back to where they were; the weights are the model's already."""
        if module.is_sharded:
            restore_optimizer(module.base, _optimizer(trainer), self.state["optimizer"])
        else:
            _optimizer(trainer).load_state_dict(self.state["optimizer"])
        trainer.lr_scheduler_configs[0].scheduler.load_state_dict(self.state["scheduler"])
        decided = self.state["decisions"]
        own = decided[ranks.rank()] if len(decided) == ranks.num_ranks() else decided[0]
        module.decide(Decisions.remembered(own))
        module.take_kept(self.state.get("kept", {}))


def _optimizer(trainer: pl.Trainer) -> Optimizer:
    return trainer.optimizers[0]
