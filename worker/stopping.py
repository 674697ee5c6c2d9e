"""How a trainer is made to end: by a word, then SIGTERM, then SIGKILL, each with its time."""

import time
from enum import StrEnum
from signal import SIGKILL, SIGTERM, Signals

from trainer_core.contract.control import Control
from worker.settings import WorkerSettings
from worker.trainer import Trainer


class StopReason(StrEnum):
    """Why a trainer must end before its work is done, the more urgent the later."""

    FINISH = "finish"
    """Somebody wants what has been trained so far, as the job's outcome."""
    PAUSE = "pause"
    """Somebody wants the job to wait."""
    DRAIN = "drain"
    """The worker is stopping."""
    MAX_RUNTIME = "max_runtime"
    """The job ran longer than its spec allows."""
    CANCEL = "cancel"
    """Somebody asked for the job's end."""
    OVERDRAWN = "overdrawn"
    """It took more of its host than it may: others would suffer."""
    UNTRUSTED = "untrusted"
    """The lease could not be renewed for so long that it may end at any time: every second counts."""
    LEASE_LOST = "lease_lost"
    """Another attempt may own the job: every second counts."""


_URGENCY = list(StopReason)
_AT_ONCE = {StopReason.OVERDRAWN, StopReason.UNTRUSTED, StopReason.LEASE_LOST}


class Stopping:
    """The end of one trainer, once it is asked for."""

    def __init__(self, trainer: Trainer, settings: WorkerSettings) -> None:
        self._trainer = trainer
        self._settings = settings
        self._steps: list[tuple[float, Signals]] = []
        self.reason: StopReason | None = None
        """None as long as the trainer may go on."""

    def ask(self, reason: StopReason) -> None:
        """Begin to end the trainer, unless it is being ended for a reason that is as urgent."""
        if self.reason is not None and _URGENCY.index(reason) <= _URGENCY.index(self.reason):
            return
        self.reason = reason
        now = time.monotonic()
        if reason in _AT_ONCE:
            self._steps = [(now, SIGKILL)]
        elif reason is StopReason.FINISH:
            self._trainer.tell(Control.FINISH)
        else:
            word, grace_seconds = self._word(reason)
            self._trainer.tell(word)
            term_at = now + grace_seconds
            self._steps = [(term_at, SIGTERM), (term_at + self._settings.kill_grace_seconds, SIGKILL)]

    def press(self) -> None:
        """Take the next step if its time has come."""
        if self._steps and time.monotonic() >= self._steps[0][0]:
            _, number = self._steps.pop(0)
            self._trainer.signal(number)

    def _word(self, reason: StopReason) -> tuple[Control, float]:
        if reason is StopReason.CANCEL:
            return Control.CANCEL, self._settings.word_grace_seconds
        return Control.DRAIN, self._settings.drain_grace_seconds
