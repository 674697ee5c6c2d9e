"""A process that is kept alive: started again when it dies, a little later each time."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from client.errors import CannotStart
from client.processes import Role
from trainer_core.contract.role import ROLE_VARIABLE

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_HEALTHY_SECONDS = 60.0
"""A process that lived so long has earned the shortest pause again."""
_TAIL_LINES = 12


@dataclass(frozen=True)
class Program:
    """What a child runs."""

    role: Role
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    """Where it runs: none that holds packages, which `python -m` would take for ours."""
    log_path: Path
    stdin: bytes = b""
    pass_fds: Sequence[int] = ()

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, its output added to its log, in a session of its own: it hears no Ctrl-C of ours."""
        with self.log_path.open("ab") as log:
            process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**self.environment, ROLE_VARIABLE: self.role},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=self.pass_fds,
                start_new_session=True,
            )
        assert process.stdin is not None
        with process.stdin as stdin:
            stdin.write(self.stdin)
        return process

    def ended_at_once(self, exit_code: int) -> CannotStart:
        """What to tell if it ended while the service started: the end of its log."""
        lines = self.log_path.read_text(errors="replace").rstrip().splitlines()
        tail = "\n".join(lines[-_TAIL_LINES:])
        return CannotStart(f"{self.role} ended with exit code {exit_code}:\n{tail}", f"Its log: {self.log_path}")


class Child:
    """A program that runs until it is told to end."""

    def __init__(self, program: Program, clock: Callable[[], float] = time.monotonic) -> None:
        self.program = program
        self._clock = clock
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._due_at: float | None = None
        self._start()

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        """Id of the process that was started last."""
        return self._process.pid

    def tend(self) -> str | None:
        """Start it again if it has died and its pause is over; what there is to tell of it, in words."""
        if self.exit_code is None:
            return None
        now = self._clock()
        if self._due_at is None:
            return self._plan_start(now)
        if now < self._due_at:
            return None
        self._start()
        return f"{self.program.role} runs again (process {self.pid})"

    def end(self, grace_seconds: float) -> None:
        """Ask it to end, and kill it if it has not after `grace_seconds`."""
        self._process.terminate()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        self._process = self.program.start()
        self._started_at = self._clock()
        self._due_at = None

    def _plan_start(self, now: float) -> str:
        if now - self._started_at > _HEALTHY_SECONDS:
            self._pause_seconds = _FIRST_PAUSE_SECONDS
        pause_seconds = self._pause_seconds
        self._due_at = now + pause_seconds
        self._pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
        died = f"{self.program.role} ended unexpectedly (exit code {self.exit_code}, see {self.program.log_path})"
        return f"{died}; starting it again in {pause_seconds:g} s"
