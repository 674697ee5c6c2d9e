"""The checkpoints of a run: when one is due, how it is written while training goes on, which are kept."""

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytorch_lightning as pl
import torch

from trainer_core.contract.control import Control
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.events import CheckpointDeleted, CheckpointFailed, CheckpointSaved
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.spec import Checkpointing
from trainer_core.training import ranks
from trainer_core.training.background import begin
from trainer_core.training.failures import failure_of
from trainer_core.training.fine_tuning import FineTuning
from trainer_core.training.folders import forget_drafts, link_files, write_folder
from trainer_core.training.identity import Identity
from trainer_core.training.plan import Plan
from trainer_core.training.progress import Progress
from trainer_core.training.snapshot import Checkpoint, Snapshot
from trainer_core.training.stopping import StopRequest

_MAX_FAILED = 3
"""Checkpoints in a row that the storage has no room for; as many end the run."""
_COPIES = 4
"""Of the trained weights, at most, that a copy of them with two moments of each takes."""
Told = CheckpointSaved | CheckpointDeleted | CheckpointFailed


@dataclass(frozen=True)
class Best:
    """Where the weights of the best evaluation are."""

    step: int
    folder: Path


@dataclass(frozen=True)
class _Writing:
    """A checkpoint that is being written."""

    step: int
    outcome: Future[list[Told]]


class Checkpoints:
    """Writes the checkpoints of one run, one at a time, and deletes those that are too old, but for the best.

    Args:
        run_dir: The run's folder.
        plan: Its steps.
        chosen: When to write one, and what to keep.
        identity: Of the run.
        progress: Of the run, which others move on.
        resumed: The checkpoint that the run goes on from, beside which the best one may lie.
        clock: Seconds.
    """

    def __init__(
        self,
        run_dir: Path,
        plan: Plan,
        chosen: Checkpointing,
        identity: Identity,
        progress: Progress,
        resumed: Checkpoint | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = run_dir / "checkpoints"
        self._plan = plan
        self._chosen = chosen
        self._identity = identity
        self._progress = progress
        self._clock = clock
        self._taken_at = clock()
        self._writing: _Writing | None = None
        self._num_failed = 0
        self._steps: list[int] = []
        if ranks.rank() == 0:
            forget_drafts(self._folder)
            if resumed is not None:
                self._take_over(resumed)

    @property
    def best(self) -> Best | None:
        """The checkpoint of the best evaluation, if it is kept."""
        step = self._progress.improvement.best_step
        folder = self._path(step or 0)
        return Best(step, folder) if step is not None and folder.is_dir() else None

    def is_due(self, device: torch.device) -> bool:
        """True if a checkpoint is to be written after this step, on every rank alike."""
        if self._plan.is_due(self._chosen.every, self._progress.step) or self._progress.is_last:
            return True
        return bool(ranks.largest(int(self._is_late), device))

    @property
    def _is_late(self) -> bool:
        """True if the last one is too long ago by the first rank's clock, and not just being written."""
        minutes = self._chosen.every_minutes
        if minutes is None or self._writing is not None or ranks.rank() > 0:
            return False
        return self._clock() - self._taken_at >= 60 * minutes

    def save(self, trainer: pl.Trainer, module: FineTuning) -> list[Told]:
        """Begin to write the checkpoint of this step; what became of the one before, which is waited for.

        Every rank must come here; the first one writes. Where the memory has no room for a copy, training waits.
        """
        told = self.written(wait=True)
        has_room = _has_room_for_copy(module)
        snapshot = Snapshot.take(trainer, module, self._progress, self._identity, copy=has_room)
        self._taken_at = self._clock()
        if ranks.rank() == 0:
            step, metrics = self._progress.step, dict(self._progress.metrics)
            best = self._progress.improvement.best_step if self._chosen.keep_best else None
            self._writing = _Writing(step, begin(lambda: self._write(snapshot, step, metrics, best), "checkpoint"))
        return told if has_room else [*told, *self.written(wait=True)]

    def written(self, *, wait: bool = False) -> list[Told]:
        """What became of the checkpoint that was being written, once that is known.

        Raises:
            TrainerError: Again and again the storage had no room.
        """
        if self._writing is None or not (wait or self._writing.outcome.done()):
            return []
        writing, self._writing = self._writing, None
        try:
            told = writing.outcome.result()
        except Exception as error:
            failure = failure_of(error)
            self._num_failed += 1
            if failure.code is not FailureCode.STORAGE_FULL or self._num_failed == _MAX_FAILED:
                raise failure from error
            return [CheckpointFailed(step=writing.step, message=failure.message)]
        self._num_failed = 0
        return told

    @contextmanager
    def completed(self, tell: Callable[[Told], None], stop: StopRequest) -> Iterator[None]:
        """However a run ends, wait for the checkpoint that is being written, unless the run is cancelled."""
        try:
            yield
        finally:
            if stop.word is not Control.CANCEL:
                for event in self.written(wait=True):
                    tell(event)

    def _take_over(self, resumed: Checkpoint) -> None:
        """Count what this folder has of the run; its best checkpoint may lie in another attempt's, and comes along."""
        step = self._progress.improvement.best_step
        if step is not None and not self._path(step).is_dir():
            best = resumed.folder.parent / self._path(step).name
            if best.is_dir():
                write_folder(self._path(step), lambda draft: link_files(best, draft))
        found = map(_step_of, self._folder.glob("step-*"))
        self._steps = sorted(step for step in found if step <= self._progress.step)

    def _path(self, step: int) -> Path:
        return self._folder / f"step-{step:06d}"

    def _write(self, snapshot: Snapshot, step: int, metrics: dict[str, float], best: int | None) -> list[Told]:
        manifest = write_folder(self._path(step), snapshot.write)
        self._steps.append(step)
        saved = CheckpointSaved(
            step=step,
            epoch=self._plan.epoch(step),
            path=self._told_path(step),
            num_bytes=manifest.num_bytes,
            manifest_sha256=manifest.sha256,
            metrics=metrics,
        )
        return [saved, *self._delete_old(best)]

    def _delete_old(self, best: int | None) -> list[CheckpointDeleted]:
        old = [step for step in self._steps[: -self._chosen.keep_last] if step != best]
        self._steps = [step for step in self._steps if step not in old]
        for step in old:
            shutil.rmtree(self._path(step), ignore_errors=True)  # no reason to end a run
        return [CheckpointDeleted(step=step, path=self._told_path(step)) for step in old]

    def _told_path(self, step: int) -> str:
        return self._path(step).relative_to(self._folder.parent).as_posix()


def newest_whole(run_dir: Path) -> Path | None:
    """The newest checkpoint of a run that is what its manifest says."""
    folders = sorted((run_dir / "checkpoints").glob("step-*"), key=_step_of, reverse=True)
    return next(filter(_is_whole, folders), None)


def _is_whole(folder: Path) -> bool:
    try:
        return Manifest.load(folder).is_true_of(folder)
    except (FileNotFoundError, ValueError):
        return False


def _step_of(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))


def _has_room_for_copy(module: FineTuning) -> bool:
    """True if the machine's memory holds the trained weights and an optimizer's state a second time."""
    num_bytes = sum(parameter.nbytes for parameter in module.trainable_parameters())
    return _COPIES * num_bytes < psutil.virtual_memory().available
