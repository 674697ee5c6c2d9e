"""How a trainer's process comes to be: forked from one that is warm, or started. It knows nothing of training."""

import os
import select
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from signal import SIGKILL
from threading import Thread
from typing import IO, Literal, Protocol

from trainer_core.contract.environment import allowed
from trainer_core.contract.line import hear, say
from trainer_core.contract.orders import ChatOrder, RunOrder
from trainer_core.contract.role import ROLE_VARIABLE
from worker.beside import await_all

_REST_SECONDS = 30.0
"""How long the last words of a process that has ended may take."""


class Process(Protocol):
    """A trainer's process and what it says."""

    pid: int
    """Also the id of its group."""
    stdin: IO[str]
    stdout: IO[str]
    stderr: IO[str]

    def has_ended(self) -> bool:
        """True once the trainer itself has exited; its group may still hold others."""

    def wait(self) -> int:
        """Its exit code, below 0 if a signal ended it."""

    def close(self) -> None:
        """Say nothing more to it; what it says is closed by whoever reads it to its end."""


class Started:
    """A process of our own.

    Args:
        locks: Files that it holds to its end.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], locks: Sequence[int]) -> None:
        self._process = subprocess.Popen(
            command,
            env=_seen(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            pass_fds=tuple(locks),
        )
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self.pid = self._process.pid
        self.stdin, self.stdout, self.stderr = self._process.stdin, self._process.stdout, self._process.stderr

    def has_ended(self) -> bool:
        """Not reaped yet, so that nobody else can get its id before the group is killed."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self) -> int:
        """Reaps it."""
        return self._process.wait()

    def close(self) -> None:
        """Say nothing more to it."""
        with suppress(BrokenPipeError):
            self.stdin.close()


class Forked:
    """A process that the warm trainer has forked, and that has said its id and waits for its order.

    The kernel ends it with the line. It is nobody's child here, so that its exit code comes over the line.
    """

    def __init__(
        self,
        line: socket.socket,
        pid: int,
        arguments: Sequence[str] | None,
        environment: Mapping[str, str],
        locks: Sequence[int],
    ) -> None:
        """Give it its order: a run, or chats if there are no arguments.

        Raises:
            OSError: It is not there any more.
        """
        self.pid, self._line, self._pidfd = pid, line, os.pidfd_open(pid)
        (stdin, to_stdin), (from_stdout, stdout), (from_stderr, stderr) = (os.pipe() for _ in range(3))
        self.stdin = _opened(to_stdin, "w")
        self.stdout, self.stderr = _opened(from_stdout, "r"), _opened(from_stderr, "r")
        try:
            order = _order(arguments, _seen(environment))
            say(line, order.model_dump_json(), [stdin, stdout, stderr, *locks])
        except OSError:
            self.stdout.close()
            self.stderr.close()
            self.close()
            raise
        finally:
            for file in (stdin, stdout, stderr):
                os.close(file)

    def has_ended(self) -> bool:
        """True once it is dead."""
        return bool(select.select([self._pidfd], [], [], 0)[0])

    def wait(self) -> int:
        """What it has said, or that it was killed."""
        select.select([self._pidfd], [], [])
        self._line.settimeout(0)
        with suppress(OSError, ValueError):
            return int(hear(self._line)[0])
        return -SIGKILL

    def close(self) -> None:
        """Say nothing more to it; it ends, should it still be there."""
        with suppress(BrokenPipeError):
            self.stdin.close()
        os.close(self._pidfd)
        self._line.close()


def _order(arguments: Sequence[str] | None, environment: dict[str, str]) -> RunOrder | ChatOrder:
    if arguments is None:
        return ChatOrder(environment=environment)
    return RunOrder(arguments=tuple(arguments), environment=environment)


def hear_of(line: socket.socket, seconds: float) -> int | None:
    """Id of the process at the other end of a line, once it is there; None if it is not within `seconds`."""
    line.settimeout(seconds)
    try:
        message, _ = hear(line)
    except TimeoutError:
        return None
    return int(message) if message else None


def pieces(said: IO[str], most: int) -> Iterator[str]:
    """Lines as they come, one that is longer than `most` characters in pieces: a line without end fills no memory."""
    with said:
        yield from iter(partial(said.readline, most), "")


def hear_out(process: Process, readers: Sequence[Thread]) -> None:
    """Have those who read what a process says, which has ended, read the rest.

    What it has started, and what has left its family, may hold the pipes for ever: then they are left to it.
    """
    await_all(readers, _REST_SECONDS)
    process.close()


def _seen(environment: Mapping[str, str]) -> dict[str, str]:
    return {**allowed(environment), ROLE_VARIABLE: "trainer"}


def _opened(file: int, mode: Literal["r", "w"]) -> IO[str]:
    return os.fdopen(file, mode, encoding="utf-8", errors="replace")
