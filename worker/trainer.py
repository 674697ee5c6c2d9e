"""The trainer as a process: started in a group of its own, heard over pipes, told to end, and gone for certain.

It knows no database.
"""

import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import IO

from pydantic import ValidationError

from trainer_core.contract.control import LEASE, Control
from trainer_core.contract.events import RUN_EVENT, RunEvent

_ALLOWED = (
    "CUDA_", "HF_", "LC_", "NCCL_", "NVIDIA_", "OMP_", "MKL_", "PYTORCH_", "TORCH_", "TRANSFORMERS_", "SSL_CERT_",
)  # fmt: skip
_ALLOWED_NAMES = frozenset(
    {"HOME", "HTTPS_PROXY", "HTTP_PROXY", "LANG", "LD_LIBRARY_PATH", "NO_PROXY", "PATH", "TMPDIR", "TUNEYARD_INSTANCE"}
)
_TRUST_STEP_SECONDS = 0.5
"""A trainer is told of a renewed lease if it gains so much."""


class Trainer:
    """One trainer process, from its start to its end."""

    def __init__(
        self, command: Iterable[str], *, trusted_until: float, environment: Mapping[str, str], pass_fds: Iterable[int]
    ) -> None:
        self._trusted_until = trusted_until
        self._process = subprocess.Popen(
            [*command, "--supervised", str(trusted_until)],
            env={**allowed(environment), "TUNEYARD_ROLE": "trainer"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            bufsize=1,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        self.said: queue.SimpleQueue[RunEvent | str] = queue.SimpleQueue()
        """Events, and lines of its log as strings, in the order in which they came."""
        self._readers = [
            threading.Thread(target=self._hear_events, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._hear_log, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """Process id, and id of its group."""
        return self._process.pid

    def has_ended(self) -> bool:
        """True once the trainer itself has exited; its group may still hold others."""
        # Not reaped yet, so that nobody else can get its id before the group is killed.
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def tell(self, word: Control) -> None:
        """Say a word to it; one that is ending does not listen any more."""
        self._say(word)

    def trust(self, until: float) -> None:
        """Let it train until then, in seconds of the monotonic clock; without being told, it ends before."""
        if until > self._trusted_until + _TRUST_STEP_SECONDS:
            self._trusted_until = until
            self._say(f"{LEASE} {until}")

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        # One that is frozen reads nothing: were its pipe full, waiting for it would cost the lease.
        with suppress(BrokenPipeError, BlockingIOError):
            os.write(self._process.stdin.fileno(), f"{line}\n".encode())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its whole group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def end(self) -> int:
        """End whatever is left of its group, hear the rest of what it said, and tell its exit code."""
        self.signal(signal.SIGKILL)
        exit_code = self._process.wait()
        for reader in self._readers:
            reader.join()
        with suppress(BrokenPipeError):
            self._process.communicate()
        return exit_code

    def _hear_events(self, lines: IO[str]) -> None:
        for line in lines:
            try:
                self.said.put(RUN_EVENT.validate_json(line))
            except ValidationError:
                self.said.put(line.rstrip("\n"))

    def _hear_log(self, lines: IO[str]) -> None:
        for line in lines:
            self.said.put(line.rstrip("\n"))


def allowed(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a trainer may see: nothing with a credential of database or broker."""
    return {
        name: value
        for name, value in environment.items()
        if name.upper() in _ALLOWED_NAMES or name.startswith(_ALLOWED)
    }
