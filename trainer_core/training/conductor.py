"""The Lightning callback of a run: after each step it tells, evaluates, saves and obeys, in this order."""

import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import pytorch_lightning as pl

from trainer_core.contract.control import Control
from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.events import (
    EvaluationCompleted,
    FinishedEarly,
    Phase,
    PhaseEntered,
    RunEvent,
    StepCompleted,
    StepSkipped,
    StoppedEarly,
)
from trainer_core.contract.spec import Evaluation
from trainer_core.training import ranks
from trainer_core.training.checkpoints import Checkpoints
from trainer_core.training.evaluation import Evaluator
from trainer_core.training.fine_tuning import FineTuning, StepResult
from trainer_core.training.first_loss import why_odd
from trainer_core.training.gauges import peak_bytes
from trainer_core.training.plan import Plan
from trainer_core.training.progress import Progress
from trainer_core.training.snapshot import Checkpoint
from trainer_core.training.stopping import BY_WEIGHT, StopAsked, StopRequest

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
        progress: Progress,
        evaluator: Evaluator | None,
        resumed: Checkpoint | None,
        lines_of: Callable[[int], Sequence[int]],
    ) -> None:
        self._plan = plan
        self._emit = emit
        self._stop = stop
        self._checkpoints = checkpoints
        self._progress = progress
        self._evaluator = evaluator
        self._resumed = resumed
        self._lines_of = lines_of
        self._started_at = self._stepped_at = time.monotonic()

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
        if self._progress.is_evaluation_owed:
            self._conclude(trainer, pl_module)
            # The first step may fork, as an evaluation does.
            self._emit_all(self._checkpoints.written(wait=True))

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Without a step to begin with, Lightning starts no training; the last one's evaluation may still be owed."""
        assert isinstance(pl_module, FineTuning)
        if self._progress.is_evaluation_owed:
            self.on_train_start(trainer, pl_module)
        pl_module.conclude_features()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ARG002
        batch: Any,
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Tell of the step, then evaluate, save and end if it is time to."""
        assert isinstance(pl_module, FineTuning)
        assert pl_module.result is not None
        progress, plan = self._progress, self._plan
        progress.step += 1
        self._tell(pl_module, pl_module.result, len(batch))
        if progress.step == 1 and (odd := why_odd(float(pl_module.result.loss), pl_module.num_words)):
            log.warning(odd)
        self._emit_all(self._checkpoints.written())
        is_asked_to_finish = self._agree(pl_module) is Control.FINISH
        progress.is_last = is_asked_to_finish or progress.step == plan.total_steps
        is_due = plan.is_due(pl_module.spec.evaluation.every, progress.step) or progress.is_last
        progress.is_evaluation_owed = self._evaluator is not None and is_due
        if is_asked_to_finish and progress.step < plan.total_steps:
            self._emit(FinishedEarly(step=progress.step, total_steps=plan.total_steps))
        self._conclude(trainer, pl_module)

    def _conclude(self, trainer: pl.Trainer, module: FineTuning) -> None:
        """Bring a step to its end: its evaluation, its checkpoint, and perhaps that of the run."""
        progress = self._progress
        is_best = progress.is_evaluation_owed and self._evaluate(trainer, module)
        progress.is_last |= self._ends_early(module.spec.evaluation)
        word = self._agree(module)
        if word is Control.CANCEL:
            raise StopAsked(word)
        is_kept = is_best and module.spec.checkpointing.keep_best
        if self._checkpoints.is_due(module.device) or is_kept or word is Control.DRAIN:
            self._emit_all(self._checkpoints.save(trainer, module))
        if word is Control.DRAIN:
            raise StopAsked(word)
        trainer.should_stop |= progress.is_last

    def _agree(self, module: FineTuning) -> Control | None:
        """What the run is asked, the same on every rank: whoever was asked first asks all."""
        words = (None, *BY_WEIGHT)
        return words[ranks.largest(words.index(self._stop.word), module.device)]

    def _tell(self, module: FineTuning, result: StepResult, num_own_rows: int) -> None:
        num_rows = num_own_rows if module.is_sharded else ranks.added(num_own_rows, module.device)
        now = time.monotonic()
        loss, grad_norm = float(result.loss), float(result.grad_norm)
        metrics = {name: value for name, value in result.metrics.items() if math.isfinite(value)}
        self._emit(
            StepCompleted(
                step=self._progress.step,
                total_steps=self._plan.total_steps,
                epoch=self._plan.epoch(self._progress.step),
                loss=_finite(loss),
                metrics=metrics,
                learning_rate=result.learning_rate,
                grad_norm=_finite(grad_norm),
                num_supervised_tokens=result.num_supervised_tokens,
                num_rows=num_rows,
                peak_bytes=peak_bytes(module.device),
                feature_hits=module.features.share_read if module.features else None,
                step_seconds=now - self._stepped_at,
                elapsed_seconds=now - self._started_at,
            )
        )
        self._stepped_at = now
        if result.is_skipped:
            self._skip("gradient" if math.isfinite(loss) else "loss")
            return
        self._progress.num_skipped = 0
        self._progress.metrics |= metrics | {"loss": loss}

    def _skip(self, what: Literal["loss", "gradient"]) -> None:
        """Tell of a step that changed nothing; too many in a row end the run."""
        progress = self._progress
        step = progress.step
        lines = tuple(self._lines_of(step - 1))
        self._emit(StepSkipped(step=step, what=what, lines=lines))
        progress.num_skipped += 1
        if progress.num_skipped == _MAX_SKIPPED:
            message = (
                f"the {what} was not finite in {_MAX_SKIPPED} steps in a row, the last of them step {step} with "
                f"lines {', '.join(map(str, lines[:10]))}; lower hyperparameters.learning_rate, or look at these rows"
            )
            raise TrainerError(FailureCode.NON_FINITE_LOSS, message)

    def _evaluate(self, trainer: pl.Trainer, module: FineTuning) -> bool:
        """Measure held-out rows, given up as soon as the run is asked to end; True if it was never better."""
        evaluator, progress = self._evaluator, self._progress
        assert evaluator is not None
        if evaluator.forks:
            # An evaluation forks them, and they would never get a lock that the writing thread holds by then.
            self._emit_all(self._checkpoints.written(wait=True))
        self._emit(PhaseEntered(phase=Phase.EVALUATING))
        measured = evaluator.measure(trainer, module, self._stop)
        if measured is None:
            return False
        progress.is_evaluation_owed = False
        loss = _finite(measured.loss)
        chosen = module.spec.evaluation
        value = loss if chosen.metric == "loss" else measured.scores.get(chosen.metric)
        stopping = chosen.early_stopping
        is_best = progress.improvement.take(progress.step, value, stopping.min_delta if stopping else 0.0)
        numbers = {"eval_loss": loss} | {f"eval_{name}": score for name, score in measured.scores.items()}
        progress.metrics |= {name: number for name, number in numbers.items() if number is not None}
        self._emit(
            EvaluationCompleted(
                step=progress.step,
                epoch=self._plan.epoch(progress.step),
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

    def _ends_early(self, chosen: Evaluation) -> bool:
        """True, and told, if evaluations bring nothing better any more."""
        best, progress = self._progress.improvement, self._progress
        if chosen.early_stopping is None or best.num_without < chosen.early_stopping.patience or progress.is_last:
            return False
        if best.best_step is not None and best.best_value is not None:
            self._emit(
                StoppedEarly(
                    step=progress.step, best_step=best.best_step, metric=best.metric, best_value=best.best_value
                )
            )
        return True

    def _emit_all(self, events: Iterable[RunEvent]) -> None:
        for event in events:
            self._emit(event)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
