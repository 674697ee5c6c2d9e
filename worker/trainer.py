"""The trainer as a process: in a group of its own, heard over pipes, told to end, and gone for certain.

It knows no database, and not how the process came to be: `starting.py` does.
"""

import os
import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

from pydantic import ValidationError

from trainer_core.contract.control import LEASE, Control
from trainer_core.contract.events import RUN_EVENT, RunEvent
from worker.cap import shortened
from worker.rations import kill
from worker.starting import Process, hear_out, pieces

_TRUST_STEP_SECONDS = 0.5
"""A trainer is told of a renewed lease if it gains so much."""

_MAX_EVENT_CHARACTERS = 4 << 20
_MAX_PIECE_CHARACTERS = 1 << 16
_MAX_UNHEARD = 2_000
_PAUSE_SECONDS = 0.01


class Trainer:
    """One trainer process, from its start to its end."""

    def __init__(self, process: Process, *, trusted_until: float) -> None:
        self._process = process
        self._trusted_until = trusted_until
        os.set_blocking(process.stdin.fileno(), False)
        self.said: queue.SimpleQueue[RunEvent | str] = queue.SimpleQueue()
        """Events, and lines of its log as strings, in the order in which they came."""
        self._is_ending = threading.Event()
        self._readers = [
            threading.Thread(target=self._hear_events, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._hear_log, args=(process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """Process id, and id of its group."""
        return self._process.pid

    def has_ended(self) -> bool:
        """True once the trainer itself has exited; its group may still hold others."""
        return self._process.has_ended()

    def tell(self, word: Control) -> None:
        """Say a word to it; one that is ending does not listen any more."""
        self._say(word)

    def trust(self, until: float) -> None:
        """Let it train until then, in seconds of the monotonic clock; without being told, it ends before."""
        if until > self._trusted_until + _TRUST_STEP_SECONDS:
            self._trusted_until = until
            self._say(f"{LEASE} {until}")

    def _say(self, line: str) -> None:
        # One that is frozen reads nothing: were its pipe full, waiting for it would cost the lease.
        with suppress(BrokenPipeError, BlockingIOError):
            os.write(self._process.stdin.fileno(), f"{line}\n".encode())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its whole group; SIGKILL reaches those of its family too that have left it."""
        if number == signal.SIGKILL:
            kill(self._process)
            return
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def end(self) -> int:
        """End whatever is left of its family, hear the rest of what it said, and tell its exit code."""
        self._is_ending.set()
        kill(self._process)
        exit_code = self._process.wait()
        hear_out(self._process, self._readers)
        return exit_code

    def _hear_events(self, lines: IO[str]) -> None:
        for line in self._heard(lines, _MAX_EVENT_CHARACTERS):
            try:
                self.said.put(RUN_EVENT.validate_json(line))
            except ValidationError:
                self.said.put(shortened(line))

    def _hear_log(self, lines: IO[str]) -> None:
        for line in self._heard(lines, _MAX_PIECE_CHARACTERS):
            self.said.put(shortened(line))

    def _heard(self, lines: IO[str], most: int) -> Iterator[str]:
        """Lines, a very long one in pieces; no more than can be taken, so that who says too much has to wait."""
        for line in pieces(lines, most):
            yield line
            while self.said.qsize() > _MAX_UNHEARD and not self._is_ending.wait(_PAUSE_SECONDS):
                pass
