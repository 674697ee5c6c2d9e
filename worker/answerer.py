"""The process that answers chats: asked on stdin, heard on stdout, and gone for certain. It knows no database."""

import logging
import os
import queue
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO

from pydantic import ValidationError

from trainer_core.contract.chat import TOLD, Question, Said, Stop, Told
from worker.reporter import BrokenDown
from worker.starting import Forked, Process, hear_of
from worker.warm import NotThere, Warm

_FORK_SECONDS = 300.0
"""How long it may take to import everything and fork."""

log = logging.getLogger(__name__)


class Answerer:
    """One process, from its start to its end."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._told: queue.SimpleQueue[Told | None] = queue.SimpleQueue()
        self._threads = [_begin(self._hear_told, process.stdout), _begin(_log, process.stderr)]

    def ask(self, question: Question) -> None:
        """Have it answer; what it tells of the answer before has been heard."""
        self._say(question)

    def stop(self) -> None:
        """Have it end its answer soon."""
        self._say(Stop())

    def hear(self, seconds: float) -> Told | None:
        """What it tells next; None if nothing comes within `seconds`.

        Raises:
            BrokenDown: It is gone.
        """
        try:
            told = self._told.get(timeout=seconds)
        except queue.Empty:
            return None
        if told is None:
            raise BrokenDown("whoever answered chats is gone")
        return told

    def end(self) -> None:
        """End it, and whatever it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for thread in self._threads:
            thread.join()
        self._process.close()

    def _say(self, said: Said) -> None:
        # One that is frozen reads nothing, and images are large: nobody who has other things to do waits for it.
        _begin(self._write, f"{said.model_dump_json()}\n")

    def _write(self, line: str) -> None:
        with suppress(OSError, ValueError):  # it is gone, and its pipe closed
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def _hear_told(self, lines: IO[str]) -> None:
        for line in lines:
            try:
                self._told.put(TOLD.validate_json(line))
            except ValidationError:
                log.warning("not understood: %s", line.rstrip("\n"))
        self._told.put(None)


def start(warm: Warm, environment: Mapping[str, str], locks: Sequence[int]) -> Answerer:
    """One that holds the locks to its end.

    Raises:
        BrokenDown: It could not be forked.
    """
    try:
        line = warm.line()
        pid = hear_of(line, _FORK_SECONDS)
        if pid is None:
            line.close()
            raise BrokenDown("the warm trainer has not forked")
        return Answerer(Forked(line, pid, None, environment, locks))
    except (NotThere, OSError) as error:
        raise BrokenDown(str(error)) from error


def _begin(work: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def _log(lines: IO[str]) -> None:
    for line in lines:
        log.info("%s", line.rstrip("\n"))
