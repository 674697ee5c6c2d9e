"""One call of `train`, and what it told."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedModel

from trainer_core.contract.control import Control
from trainer_core.contract.events import EvaluationCompleted, RunEvent, StepCompleted
from trainer_core.contract.spec import JobSpec
from trainer_core.train import train
from trainer_core.training.feature_store import FeatureStore
from trainer_core.training.fine_tuning import FineTuning
from trainer_core.training.stopping import StopRequest
from trainer_core.training.verification import Order, Verified, verify


class Run:
    """One call of `train`, and what it told; asked to stop at the first event for which `stop_at` is true."""

    def __init__(
        self,
        run_dir: Path,
        stop_at: Callable[[RunEvent], bool] | None = None,
        store: FeatureStore | None = None,
    ) -> None:
        self._store = store
        self.run_dir = run_dir
        self.events: list[RunEvent] = []
        self._stop = StopRequest()
        self._stop_at = stop_at or (lambda _: False)
        self._word = Control.DRAIN

    def of(
        self,
        spec: JobSpec,
        resume: Path | None = None,
        word: Control = Control.DRAIN,
        verify: Callable[[Order], Verified] = verify,  # here rather than in a fresh process, which takes seconds
    ) -> "Run":
        self._word = word
        self.spec = spec
        self.run_dir.mkdir(exist_ok=True)
        train(spec, self.run_dir, self._hear, self._stop, resume, self._store, verify)
        return self

    def _hear(self, event: RunEvent) -> None:
        self.events.append(event)
        if self._stop_at(event):
            self._stop.ask(self._word)

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def losses(self) -> list[float | None]:
        return [event.loss for event in self.told(StepCompleted)]

    @property
    def rewards(self) -> list[dict[str, float]]:
        """What else its steps told, of pairs."""
        return [event.metrics for event in self.told(StepCompleted)]

    @property
    def series(self) -> list[tuple[Any, ...]]:
        """All numbers of its steps and evaluations."""
        return series(self.events)

    @property
    def weights(self) -> bytes:
        """Of the artifact."""
        [path] = (self.run_dir / "artifact").glob("*.safetensors")
        return path.read_bytes()


def series(events: Iterable[RunEvent]) -> list[tuple[Any, ...]]:
    """The numbers of steps and evaluations, wall time left out."""
    return [
        (one.step, one.epoch, one.loss, one.learning_rate, one.grad_norm, one.num_supervised_tokens)
        if isinstance(one, StepCompleted)
        else (one.step, one.epoch, one.loss, one.scores, one.is_best)
        for one in events
        if isinstance(one, StepCompleted | EvaluationCompleted)
    ]


def changed(spec: JobSpec, **hyperparameters: Any) -> JobSpec:
    return spec.model_copy(update={"hyperparameters": spec.hyperparameters.model_copy(update=hyperparameters)})


def at_loading(monkeypatch: pytest.MonkeyPatch, act: Callable[[PreTrainedModel], object]) -> None:
    """Have something done to each run's model once it is loaded."""
    configure = FineTuning.configure_model

    def configured(module: FineTuning) -> None:
        is_new = module.model is None
        configure(module)
        if is_new:
            act(module.base)

    monkeypatch.setattr(FineTuning, "configure_model", configured)
