"""What a trainer says becomes rows: gathered, and written in one fenced transaction at a time."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from store import checkpoints, events, leases, logs, metrics
from store.database import Database
from store.leases import Lease
from store.progress import Progress
from store.series import Point
from trainer_core.contract.events import (
    ArtifactVerified,
    CheckpointDeleted,
    CheckpointFailed,
    CheckpointSaved,
    EvaluationCompleted,
    FeaturesTried,
    FeaturesUsed,
    FinishedEarly,
    MemoryReduced,
    PackingTested,
    ParametersUnused,
    PhaseEntered,
    RunEvent,
    RunFailed,
    RunStarted,
    RunStopped,
    RunSucceeded,
    StepCompleted,
    StepSkipped,
    StoppedEarly,
    StorageTroubled,
    TowerLeft,
    Truncated,
)
from worker.cap import Cap

_MAX_BATCH = 500
_MAX_WAIT_SECONDS = 1.0


class Recorder:
    """Writes for one attempt; every write renews its lease."""

    def __init__(
        self,
        database: Database,
        lease: Lease,
        lease_seconds: float,
        written: Callable[[Sequence[RunEvent | str]], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._written = written
        self._lease = lease
        self._lease_seconds = lease_seconds
        self._waiting: list[RunEvent | str] = []
        self._batch: list[RunEvent | str] = []
        """What is being written, or was when the database broke off."""
        self._pids: dict[str, int] = {}
        self._first_step = 0
        self._cap = Cap()
        self._num_batches = 0
        self.written_at = time.monotonic()
        """When the newest write that came through was begun: the lease is sure to last from there."""

    def introduce(self, **pids: int) -> None:
        """Write `runner_pid` and `trainer_pid` down with the next write."""
        self._pids = pids

    def take(self, said: RunEvent | str) -> None:
        """Keep an event or a line of the log for the next write."""
        if isinstance(said, RunStarted):
            self._first_step = said.first_step
        kept = self._cap.kept(said)
        if kept is not None:
            self._waiting.append(kept)

    def is_due(self, beat_seconds: float) -> bool:
        """True if enough waits, or has waited long enough, or the lease wants renewing."""
        waited_seconds = time.monotonic() - self.written_at
        if self._batch:
            return True
        if self._waiting:
            return len(self._waiting) >= _MAX_BATCH or waited_seconds >= _MAX_WAIT_SECONDS
        return waited_seconds >= beat_seconds

    def flush(self) -> None:
        """Write all that waits and renew the lease.

        Raises:
            LeaseLost: The job has another owner, or none.
            UNAVAILABLE: The database did not answer; everything still waits.
        """
        while True:
            if not self._batch:  # else one that broke off: it may have come through, so it is repeated as it was
                self._batch, self._waiting = self._waiting, []
            begun_at = time.monotonic()
            with self._database.writing() as session:
                leases.renew(session, self._lease, self._lease_seconds, **self._pids)
                if leases.begin_batch(session, self._lease, self._num_batches + 1):
                    self._write(session)
            self._num_batches += 1
            self._written(self._batch)
            self._batch = []
            self._pids.clear()
            self.written_at = begun_at
            if not self._waiting:
                return

    def _write(self, session: Session) -> None:
        if columns := self._newest():
            leases.write(session, self._lease, **columns)
        told = [said for said in self._batch if not isinstance(said, str)]
        for _, some in groupby(told, key=lambda event: isinstance(event, StepCompleted)):
            together = list(some)  # in the order in which it was said, and steps at once
            metrics.record(session, self._lease, (point for event in together for point in points(event)))
            for event in together:
                self._record(session, event)
        logs.record(session, self._lease, (said for said in self._batch if isinstance(said, str)))

    def _newest(self) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for event in self._batch:
            if isinstance(event, PhaseEntered):
                columns["phase"] = event.phase
            if isinstance(event, StepCompleted):
                columns["progress"] = Progress.after(event, first_step=self._first_step)
        return columns

    def _record(self, session: Session, event: RunEvent) -> None:
        if isinstance(event, CheckpointSaved):
            checkpoints.record(session, self._lease, event)
        if isinstance(event, CheckpointDeleted):
            checkpoints.remove(session, self._lease, event.step)
        if not isinstance(event, StepCompleted):
            data = event.model_dump(mode="json", exclude={"type"})
            events.record(session, self._lease.job_id, self._lease.attempt, event.type, in_words(event), data)


def points(event: RunEvent) -> Iterator[Point]:
    """The numbers in an event; those that are not finite are left out."""
    match event:
        case StepCompleted():
            seconds = max(event.step_seconds, 1e-9)
            numbers: dict[str, float | None] = {
                "loss": event.loss,
                "learning_rate": event.learning_rate,
                "grad_norm": event.grad_norm,
                "epoch": event.epoch,
                "supervised_tokens_per_second": event.num_supervised_tokens / seconds,
                "rows_per_second": None if event.num_rows is None else event.num_rows / seconds,
                "peak_memory_bytes": event.peak_bytes,
                "feature_cache_hits": event.feature_hits,
                **event.metrics,
            }
        case EvaluationCompleted():
            numbers = {"eval_loss": event.loss} | {f"eval_{name}": value for name, value in event.scores.items()}
        case _:
            return
    yield from (Point(name, event.step, value) for name, value in numbers.items() if value is not None)


def in_words(event: RunEvent) -> str:  # noqa: C901, PLR0911, PLR0912 - one sentence a kind of event
    """One line for people."""
    match event:
        case PhaseEntered():
            return f"Run is {event.phase}"
        case RunStarted():
            return f"Run started: {event.total_steps} steps over {event.num_train_rows} rows on {event.device}"
        case StepCompleted():
            return f"Step {event.step}/{event.total_steps}: {_loss(event.loss)}"
        case StepSkipped():
            return f"Step {event.step} skipped: its {event.what} was not finite"
        case MemoryReduced():
            return f"Out of memory at step {event.step}: on with {event.batch_size} rows in a forward pass"
        case ParametersUnused():
            return f"No forward pass uses {event.num_parameters} parameters of the tower or projector"
        case PackingTested():
            return f"Rows are {'packed' if event.is_exact else 'padded: packing them would change what they mean'}"
        case FeaturesTried():
            return _features(event)
        case FeaturesUsed():
            return f"Images were looked at {event.num_computed} times, and {event.num_read} times that was not needed"
        case TowerLeft():
            return "Every image's features are kept: what makes them has left the device's memory"
        case EvaluationCompleted():
            return f"Evaluation at step {event.step}: {_loss(event.loss)} on {event.num_rows} rows"
        case StoppedEarly():
            return f"Stopped early at step {event.step}: {event.metric} was best at step {event.best_step}"
        case FinishedEarly():
            return f"Finished early at step {event.step} of {event.total_steps}, as it was asked to"
        case CheckpointFailed():
            return f"Checkpoint of step {event.step} failed: {event.message}"
        case CheckpointSaved():
            return f"Checkpoint saved at step {event.step}"
        case CheckpointDeleted():
            return f"Checkpoint of step {event.step} deleted: newer ones are kept"
        case StorageTroubled():
            return event.message
        case Truncated():
            return f"The run says too much: of its {event.what}, no more than {event.most:,} are kept"
        case ArtifactVerified():
            return "Artifact read back: it computes what was trained"
        case RunSucceeded():
            return f"Run succeeded after {event.step} steps in {event.training_seconds:.1f} s"
        case RunStopped():
            return f"Run stopped at step {event.step}"
        case RunFailed():
            return f"Run failed: {event.message}"


def _features(event: FeaturesTried) -> str:
    if event.verdict != "used":
        return f"Features of images are not kept: {event.verdict.replace('_', ' ')}"
    return f"Features of {event.num_images} images are kept, {event.num_kept} of them from before"


def _loss(value: float | None) -> str:
    return "loss not finite" if value is None else f"loss {value:.4f}"
