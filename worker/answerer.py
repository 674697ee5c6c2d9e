"""The process that answers chats: asked on stdin, heard on stdout, and gone for certain. It knows no database."""

import logging
import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import IO

from pydantic import ValidationError

from trainer_core.contract.chat import TOLD, Question, Said, Stop, Told
from trainer_core.contract.line import hear
from worker.rations import kill
from worker.reporter import BrokenDown
from worker.starting import Forked, Process, hear_out, pieces
from worker.warm import NotThere, Warm

_LOOK_SECONDS = 0.2
_FORK_SECONDS = 300.0
"""How long it may take to import everything and fork."""
_MAX_TOLD_CHARACTERS = 4 << 20
_MAX_PIECE_CHARACTERS = 1 << 16

log = logging.getLogger(__name__)


class Answerer:
    """One process, from its start to its end."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._told: queue.SimpleQueue[Told | None] = queue.SimpleQueue()
        self._to_say: queue.SimpleQueue[Said | None] = queue.SimpleQueue()
        # One that is frozen reads nothing, and images are large: nobody who has other things to do writes to it.
        self._threads = [
            _begin(self._say_all, process.stdin),
            _begin(self._hear_told, process.stdout),
            _begin(_log, process.stderr),
        ]

    def ask(self, question: Question) -> None:
        """Have it answer; what it tells of the answer before has been heard."""
        self._to_say.put(question)

    def stop(self) -> None:
        """Have it end its answer soon."""
        self._to_say.put(Stop())

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
        kill(self._process)
        self._process.wait()
        self._to_say.put(None)
        hear_out(self._process, self._threads)

    def _say_all(self, stdin: IO[str]) -> None:
        while (said := self._to_say.get()) is not None:
            with suppress(BrokenPipeError):  # whoever listens to what it tells will hear that it is gone
                stdin.write(f"{said.model_dump_json()}\n")
                stdin.flush()

    def _hear_told(self, lines: IO[str]) -> None:
        for line in pieces(lines, _MAX_TOLD_CHARACTERS):
            try:
                self._told.put(TOLD.validate_json(line))
            except ValidationError:
                log.warning("not understood: %s", line[:_MAX_PIECE_CHARACTERS].rstrip("\n"))
        self._told.put(None)


def start(warm: Warm, environment: Mapping[str, str], locks: Sequence[int], meanwhile: Callable[[], None]) -> Answerer:
    """One that holds the locks to its end; `meanwhile` is called again and again until it is there.

    Raises:
        BrokenDown: It could not be forked.
    """
    try:
        line = warm.line()
    except NotThere as error:
        raise BrokenDown(str(error)) from error
    with ExitStack() as unless_started:
        unless_started.callback(line.close)
        pid = _forked(line, meanwhile)
        try:
            process = Forked(line, pid, None, environment, locks)
        except OSError as error:
            raise BrokenDown(f"whoever should answer chats is gone: {error}") from error
        unless_started.pop_all()
    return Answerer(process)


def _forked(line: socket.socket, meanwhile: Callable[[], None]) -> int:
    """Id of the process at the other end of a line."""
    until = time.monotonic() + _FORK_SECONDS
    line.settimeout(_LOOK_SECONDS)
    while time.monotonic() < until:
        try:
            pid, _ = hear(line)
        except TimeoutError:
            meanwhile()
            continue
        if pid:
            line.settimeout(None)
            return int(pid)
        break
    raise BrokenDown("the warm trainer has not forked")


def _begin(work: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def _log(lines: IO[str]) -> None:
    for line in pieces(lines, _MAX_PIECE_CHARACTERS):
        log.info("%s", line.rstrip("\n"))
