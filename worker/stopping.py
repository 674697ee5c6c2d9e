"""How a trainer is made to end: by a word, then SIGTERM, then SIGKILL, each with its time."""

import time
from enum import StrEnum
from signal import SIGKILL, SIGTERM

from trainer_core.contract.control import Control
from worker.settings import WorkerSettings
from worker.trainer import Trainer


class StopReason(StrEnum):
    """Why a trainer must end before its work is done."""

    CANCEL = "cancel"
    """Somebody asked for the job's end."""
    DRAIN = "drain"
    """The worker is stopping."""
    MAX_RUNTIME = "max_runtime"
    """The job ran longer than its spec allows."""
    LEASE_LOST = "lease_lost"
    """Another attempt may own the job: every second counts."""


class Stopping:
    """The end of one trainer, once it is asked for."""

    def __init__(self, trainer: Trainer, settings: WorkerSettings) -> None:
        self._trainer = trainer
        self._settings = settings
        self._steps: list[tuple[float, object]] = []
        self.reason: StopReason | None = None
        """None as long as the trainer may go on."""

    def ask(self, reason: StopReason) -> None:
        """Begin to end the trainer. The first reason counts, but a lost lease outdoes every other."""
        if self.reason is not None and reason is not StopReason.LEASE_LOST:
            return
        self.reason = reason
        now = time.monotonic()
        if reason is StopReason.LEASE_LOST:
            self._steps = [(now, SIGKILL)]
            return
        word, grace_seconds = self._word(reason)
        self._trainer.tell(word)
        term_at = now + grace_seconds
        self._steps = [(term_at, SIGTERM), (term_at + self._settings.kill_grace_seconds, SIGKILL)]

    def press(self) -> None:
        """Take the next step if its time has come."""
        if self._steps and time.monotonic() >= self._steps[0][0]:
            _, number = self._steps.pop(0)
            self._trainer.signal(number)  # type: ignore[arg-type]

    def _word(self, reason: StopReason) -> tuple[Control, float]:
        if reason is StopReason.DRAIN:
            return Control.DRAIN, self._settings.drain_grace_seconds
        return Control.CANCEL, self._settings.word_grace_seconds
