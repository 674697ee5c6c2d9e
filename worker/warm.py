"""The warm trainer as a process: kept there while its worker lives, and asked for a line to a fork of it.

It knows no database, and nothing of what is ordered.
"""

import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

from trainer_core.contract.environment import allowed
from trainer_core.contract.line import say
from trainer_core.contract.role import ROLE_VARIABLE, STANDBY

_HEALTHY_SECONDS = 60.0
"""One that ended sooner is not started again ahead: its command may not know `--warm`."""

log = logging.getLogger(__name__)


class NotThere(Exception):
    """No process could be forked."""


class Warm:
    """One process that has everything imported, started again when it is gone and somebody needs it.

    Args:
        command: Starts a trainer; `--warm` is added.
        idle_seconds: How long it stays without being asked.
    """

    def __init__(self, command: Iterable[str], environment: Mapping[str, str], idle_seconds: float) -> None:
        self._command = [*command, "--warm"]
        self._environment = {**allowed(environment), ROLE_VARIABLE: STANDBY}
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: socket.socket | None = None
        self._started_at = self._used_at = time.monotonic()
        self.num_started = 0

    def tend(self) -> None:
        """Have it there unless nobody has needed it for long: it holds some hundred megabytes."""
        with self._lock:
            now = time.monotonic()
            is_new = now - self._started_at <= _HEALTHY_SECONDS
            if now - self._used_at > self._idle_seconds:
                if not is_new:  # else whoever had it started may wait for it still
                    self._end()
            elif not self._is_alive and (self._process is None or not is_new):
                self._start()

    def line(self, *, is_worth_waiting: bool = True) -> socket.socket:
        """A line to a process of its own, forked as soon as everything is imported.

        Args:
            is_worth_waiting: Whether to start it if it is not there, which takes seconds.

        Raises:
            NotThere: It is not, or died just now.
        """
        with self._lock:
            self._used_at = time.monotonic()
            if not self._is_alive:
                if not is_worth_waiting:
                    raise NotThere("there is no warm trainer")
                self._start()
            assert self._lines is not None
            ours, theirs = socket.socketpair()
            try:
                say(self._lines, "", [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise NotThere(f"the warm trainer does not answer: {error}") from error
            finally:
                theirs.close()
            return ours

    def end(self) -> None:
        """End it; what it has forked goes on, as long as whoever asked for it."""
        with self._lock:
            self._end()

    @property
    def _is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _start(self) -> None:
        self._end()
        self._lines, theirs = socket.socketpair()
        self._lines.settimeout(1)  # one that is frozen reads nothing
        with theirs:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=theirs.fileno(),
                start_new_session=True,
                stdout=subprocess.DEVNULL,
            )
        self._started_at = time.monotonic()
        self.num_started += 1
        log.info("warm trainer: process %d", self._process.pid)

    def _end(self) -> None:
        if self._process is None:
            return
        assert self._lines is not None
        self._lines.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
