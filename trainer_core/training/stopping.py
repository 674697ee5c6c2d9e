"""Being asked to end: by a word on stdin, or by a signal. It is heard at once and obeyed between two batches."""

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType

from trainer_core.contract.control import LEASE, Control
from trainer_core.training.lifeline import die_at

BY_WEIGHT = (Control.FINISH, Control.DRAIN, Control.CANCEL)


class StopAsked(Exception):
    """The run was asked to end."""

    def __init__(self, word: Control) -> None:
        super().__init__(word)
        self.word = word


class StopRequest:
    """What was asked, if anything."""

    def __init__(self) -> None:
        self.word: Control | None = None

    def ask(self, word: Control) -> None:
        """Ask the run to end; what ends it sooner outweighs what lets it do more."""
        if self.word is None or BY_WEIGHT.index(word) > BY_WEIGHT.index(self.word):
            self.word = word

    @property
    def ends_now(self) -> bool:
        """True if nothing more is to be computed; who lets a run finish waits for what it leaves."""
        return self.word not in (None, Control.FINISH)

    def obey(self) -> None:
        """Raise `StopAsked` if the run was asked to end, and not to finish first."""
        if self.word is not None and self.ends_now:
            raise StopAsked(self.word)

    def listen_to_signals(self) -> None:
        """SIGTERM and SIGINT ask to save and end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._drain)

    def listen_to_stdin(self) -> None:
        """Hear words of a runner; when it is gone, so is this whole process group."""
        threading.Thread(target=self._hear, name="control", daemon=True).start()

    def _drain(self, _number: int, _frame: FrameType | None) -> None:
        self.ask(Control.DRAIN)

    def _take(self, word: str, detail: str) -> None:
        if word == LEASE:
            die_at(float(detail))
        else:
            self.ask(Control(word))

    def _hear(self) -> None:
        # Unbuffered: at exit, Python could not close a buffer that this thread is waiting in.
        with Path("/dev/stdin").open("rb", buffering=0) as words:
            for line in words:
                with suppress(ValueError):
                    self._take(*line.decode().strip().partition(" ")[::2])
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(signal.SIGKILL)
