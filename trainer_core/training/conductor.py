"""The Lightning callback of a run: after each step it tells, evaluates, saves and obeys, in this order."""

import math
import time
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from trainer_core.contract.control import Control
from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.events import EvaluationCompleted, Phase, PhaseEntered, RunEvent, StepCompleted
from trainer_core.data.collation import Batch
from trainer_core.training.checkpoints import Checkpoint, Checkpoints
from trainer_core.training.fine_tuning import FineTuning, StepResult, num_supervised
from trainer_core.training.plan import Plan
from trainer_core.training.stopping import StopRequest

Emit = Callable[[RunEvent], None]


class Conductor(pl.Callback):
    """What happens around the steps of a run."""

    def __init__(
        self,
        plan: Plan,
        emit: Emit,
        stop: StopRequest,
        checkpoints: Checkpoints,
        eval_loader: DataLoader[Batch] | None,
        resumed: Checkpoint | None,
    ) -> None:
        self._plan = plan
        self._emit = emit
        self._stop = stop
        self._checkpoints = checkpoints
        self._eval_loader = eval_loader
        self._resumed = resumed
        self._metrics: dict[str, float] = {}
        self.step = plan.first_step
        self._started_at = self._stepped_at = time.monotonic()

    @property
    def training_seconds(self) -> float:
        """Wall time from the first batch to the last step."""
        return self._stepped_at - self._started_at

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Go on where the checkpoint was."""
        if self._resumed is not None:
            self._resumed.restore(trainer)
        self._emit(PhaseEntered(phase=Phase.TRAINING))
        self._started_at = self._stepped_at = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Tell of the step, then evaluate, save and end if it is time to."""
        assert isinstance(pl_module, FineTuning)
        assert pl_module.result is not None
        self.step += 1
        self._tell(pl_module.result)
        spec = pl_module.spec
        if self._eval_loader is not None and self._plan.is_due(spec.evaluation.every, self.step):
            self._evaluate(trainer, pl_module, self._eval_loader)
        is_due = self._stop.word is None and self._plan.is_due(spec.checkpointing.every, self.step)
        if is_due or self._stop.word is Control.DRAIN:
            self._save(trainer, pl_module)
        self._stop.obey()

    def _tell(self, result: StepResult) -> None:
        now = time.monotonic()
        loss, grad_norm = float(result.loss), float(result.grad_norm)
        self._emit(
            StepCompleted(
                step=self.step,
                total_steps=self._plan.total_steps,
                epoch=self._plan.epoch(self.step),
                loss=_finite(loss),
                learning_rate=result.learning_rate,
                grad_norm=_finite(grad_norm),
                num_supervised_tokens=result.num_supervised_tokens,
                step_seconds=now - self._stepped_at,
                elapsed_seconds=now - self._started_at,
            )
        )
        self._stepped_at = now
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            what = "gradient" if math.isfinite(loss) else "loss"
            message = f"the {what} of step {self.step} is not finite; lower hyperparameters.learning_rate"
            raise TrainerError(FailureCode.NON_FINITE_LOSS, message)
        self._metrics["loss"] = loss

    def _evaluate(self, trainer: pl.Trainer, module: FineTuning, loader: DataLoader[Batch]) -> None:
        """Measure the loss on the held-out rows; given up as soon as the run is asked to end."""
        begun_at = time.monotonic()
        self._emit(PhaseEntered(phase=Phase.EVALUATING))
        loss = self._held_out_loss(trainer, module, loader)
        if self._stop.word is not None:
            return
        if math.isfinite(loss):
            self._metrics["eval_loss"] = loss
        self._emit(
            EvaluationCompleted(
                step=self.step,
                epoch=self._plan.epoch(self.step),
                loss=_finite(loss),
                num_rows=len(loader.dataset),  # type: ignore[arg-type]  # ours has a length
                seconds=time.monotonic() - begun_at,
            )
        )
        self._emit(PhaseEntered(phase=Phase.TRAINING))

    @torch.no_grad()
    def _held_out_loss(self, trainer: pl.Trainer, module: FineTuning, loader: DataLoader[Batch]) -> float:
        total = num_tokens = 0.0
        module.eval()
        for batch in loader:
            if self._stop.word is not None:
                break
            num = num_supervised(batch)
            with trainer.precision_plugin.val_step_context():
                total += float(module.loss(trainer.strategy.batch_to_device(batch))) * num
            num_tokens += num
        module.train()
        return total / max(num_tokens, 1)

    def _save(self, trainer: pl.Trainer, module: FineTuning) -> None:
        for event in self._checkpoints.save(trainer, module, self.step, dict(self._metrics)):
            self._emit(event)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
