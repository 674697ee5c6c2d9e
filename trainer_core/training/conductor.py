"""The Lightning callback of a run: after each step it tells, evaluates, saves and obeys, in this order."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pytorch_lightning as pl
import torch

from trainer_core.contract.control import Control
from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.events import (
    EvaluationCompleted,
    Phase,
    PhaseEntered,
    RunEvent,
    StepCompleted,
    StepSkipped,
    StoppedEarly,
)
from trainer_core.contract.spec import Evaluation
from trainer_core.training import ranks
from trainer_core.training.checkpoints import Checkpoint, Checkpoints
from trainer_core.training.evaluation import Evaluator
from trainer_core.training.fine_tuning import FineTuning, StepResult
from trainer_core.training.first_loss import why_odd
from trainer_core.training.improvement import Improvement
from trainer_core.training.plan import Plan
from trainer_core.training.stopping import StopAsked, StopRequest

log = logging.getLogger(__name__)
Emit = Callable[[RunEvent], None]
_MAX_SKIPPED = 3
"""Steps in a row whose loss or gradient is not finite; as many end the run."""


class Conductor(pl.Callback):
    """What happens around the steps of a run."""

    def __init__(
        self,
        plan: Plan,
        emit: Emit,
        stop: StopRequest,
        checkpoints: Checkpoints,
        improvement: Improvement,
        evaluator: Evaluator | None,
        resumed: Checkpoint | None,
        lines_of: Callable[[int], Sequence[int]],
    ) -> None:
        self._plan = plan
        self._emit = emit
        self._stop = stop
        self._checkpoints = checkpoints
        self._improvement = improvement
        self._evaluator = evaluator
        self._resumed = resumed
        self._lines_of = lines_of
        self._num_skipped = 0
        self._metrics: dict[str, float] = {}
        self.step = plan.first_step
        self._started_at = self._stepped_at = time.monotonic()

    @property
    def metrics(self) -> Mapping[str, float]:
        """Last values by name."""
        return self._metrics

    @property
    def training_seconds(self) -> float:
        """Wall time from the first batch to the last step."""
        return self._stepped_at - self._started_at

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Go on where the checkpoint was."""
        assert isinstance(pl_module, FineTuning)
        if self._resumed is not None:
            self._resumed.restore(trainer, pl_module)
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
        if self.step == 1 and (odd := why_odd(float(pl_module.result.loss), pl_module.num_words)):
            log.warning(odd)
        spec = pl_module.spec
        is_best = False
        if self._evaluator is not None and self._plan.is_due(spec.evaluation.every, self.step):
            is_best = self._evaluate(trainer, pl_module, self._evaluator)
        is_due = self._plan.is_due(spec.checkpointing.every, self.step) or (is_best and spec.checkpointing.keep_best)
        word = self._agree(pl_module)
        if (is_due and word is None) or word is Control.DRAIN:
            self._save(trainer, pl_module)
        if word is not None:
            raise StopAsked(word)
        self._end_early(trainer, spec.evaluation)

    def on_train_batch_start(
        self,
        trainer: pl.Trainer,  # noqa: ARG002
        pl_module: pl.LightningModule,
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Give each of several ranks random numbers of its own, the same ones whenever this step is taken."""
        assert isinstance(pl_module, FineTuning)
        if ranks.num_ranks() > 1:
            torch.manual_seed((pl_module.spec.seed << 32) + self.step * ranks.num_ranks() + ranks.rank())

    def _agree(self, module: FineTuning) -> Control | None:
        """What the run is asked, the same on every rank: whoever was asked first asks all."""
        words = (None, Control.DRAIN, Control.CANCEL)
        return words[ranks.largest(words.index(self._stop.word), module.device)]

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
        if result.is_skipped:
            self._skip("gradient" if math.isfinite(loss) else "loss")
            return
        self._num_skipped = 0
        self._metrics["loss"] = loss

    def _skip(self, what: Literal["loss", "gradient"]) -> None:
        """Tell of a step that changed nothing; too many in a row end the run."""
        lines = tuple(self._lines_of(self.step - 1))
        self._emit(StepSkipped(step=self.step, what=what, lines=lines))
        self._num_skipped += 1
        if self._num_skipped == _MAX_SKIPPED:
            message = (
                f"the {what} was not finite in {_MAX_SKIPPED} steps in a row, the last of them step {self.step} with "
                f"lines {', '.join(map(str, lines[:10]))}; lower hyperparameters.learning_rate, or look at these rows"
            )
            raise TrainerError(FailureCode.NON_FINITE_LOSS, message)

    def _evaluate(self, trainer: pl.Trainer, module: FineTuning, evaluator: Evaluator) -> bool:
        """Measure held-out rows, given up as soon as the run is asked to end; True if it was never better."""
        self._emit(PhaseEntered(phase=Phase.EVALUATING))
        measured = evaluator.measure(trainer, module, self._stop)
        if measured is None:
            return False
        loss = _finite(measured.loss)
        chosen = module.spec.evaluation
        value = loss if chosen.metric == "loss" else measured.scores.get(chosen.metric)
        stopping = chosen.early_stopping
        is_best = self._improvement.take(self.step, value, stopping.min_delta if stopping else 0.0)
        numbers = {"eval_loss": loss} | {f"eval_{name}": score for name, score in measured.scores.items()}
        self._metrics |= {name: number for name, number in numbers.items() if number is not None}
        self._emit(
            EvaluationCompleted(
                step=self.step,
                epoch=self._plan.epoch(self.step),
                loss=loss,
                num_rows=evaluator.num_rows,
                seconds=measured.seconds,
                scores=measured.scores,
                num_generated=measured.num_generated,
                predictions=measured.predictions,
                is_best=is_best,
            )
        )
        self._emit(PhaseEntered(phase=Phase.TRAINING))
        return is_best

    def _end_early(self, trainer: pl.Trainer, chosen: Evaluation) -> None:
        """Let this step be the last one if evaluations bring nothing better any more."""
        best = self._improvement
        if chosen.early_stopping is None or best.num_without < chosen.early_stopping.patience or trainer.should_stop:
            return
        if best.best_step is not None and best.best_value is not None:
            self._emit(
                StoppedEarly(step=self.step, best_step=best.best_step, metric=best.metric, best_value=best.best_value)
            )
        trainer.should_stop = True

    def _save(self, trainer: pl.Trainer, module: FineTuning) -> None:
        for event in self._checkpoints.save(trainer, module, self.step, dict(self._metrics)):
            self._emit(event)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
