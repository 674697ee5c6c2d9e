"""Runners that were started ahead, so that a job that was claimed does not wait for their imports.

A runner waits on its stdin for the attempt that it is to carry out, with the files that belong to it.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from store.leases import Lease
from trainer_core.contract.closed import Closed
from trainer_core.contract.line import hear, say
from trainer_core.contract.role import ROLE_VARIABLE, STANDBY

RunnerProcess = subprocess.Popen[bytes]


class Handover(Closed):
    """What a runner gets; locks of its slots come with it, then a line to a warm trainer if there is one."""

    lease: Lease
    environment: dict[str, str]
    """What is added to its own."""
    has_line: bool


class Spare:
    """One runner that waits, and others as they are needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: tuple[RunnerProcess, socket.socket] | None = None

    def tend(self) -> None:
        """Have one there."""
        with self._lock:
            if self._waiting is None or self._waiting[0].poll() is not None:
                self._drop()
                self._waiting = _start()

    def start(
        self, lease: Lease, environment: dict[str, str], locks: Sequence[int], line: socket.socket | None
    ) -> RunnerProcess:
        """A runner that begins with an attempt: the one that waits, or a new one."""
        files = [*locks, *([line.fileno()] if line else [])]
        handover = Handover(lease=lease, environment=environment, has_line=line is not None)
        message = handover.model_dump_json()
        with self._lock:
            waiting, self._waiting = self._waiting, None
        for runner, to_runner in [waiting] if waiting else []:
            with to_runner, suppress(OSError):  # it died while it waited
                say(to_runner, message, files)
                return runner
            runner.wait()
        runner, to_runner = _start()
        with to_runner:
            say(to_runner, message, files)
        return runner

    def end(self) -> None:
        """Let the one that waits end."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._waiting is not None:
            runner, to_runner = self._waiting
            to_runner.close()
            runner.wait()
            self._waiting = None


def taken_over(line: socket.socket) -> tuple[Handover, list[int], socket.socket | None] | None:
    """What a runner is handed: an attempt, locks of its slots, a line to a warm trainer; None if it is not needed."""
    message, files = hear(line)
    if not message:
        return None
    handover = Handover.model_validate_json(message)
    return (
        handover,
        files[: -1 if handover.has_line else None],
        (socket.socket(fileno=files[-1]) if handover.has_line else None),
    )


def _start() -> tuple[RunnerProcess, socket.socket]:
    ours, theirs = socket.socketpair()
    with theirs:
        runner = subprocess.Popen(
            [sys.executable, "-m", "worker.runner"],
            env=os.environ | {ROLE_VARIABLE: STANDBY},
            stdin=theirs.fileno(),
            start_new_session=True,  # it outlives this process and hears no Ctrl-C
        )
    return runner, ours
