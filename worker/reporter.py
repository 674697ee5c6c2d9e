"""The reporter as a process: kept warm between reports, told to end, and gone for certain. It knows no database."""

import os
import select
import signal
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress

from trainer_core.contract.report import ReportOrder
from worker.trainer import allowed


class BrokenDown(Exception):
    """The reporter made no report."""


class Reporter:
    """One reporter process; it makes one report at a time."""

    def __init__(self, command: Iterable[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [*command],
            # One thread: jobs that train beside it have the cores.
            env={"OMP_NUM_THREADS": "1", **allowed(environment), "TUNEYARD_ROLE": "reporter"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def order(self, order: ReportOrder) -> None:
        """Ask for a report.

        Raises:
            BrokenDown: It is not there any more.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(order.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise BrokenDown("the reporter is gone") from error

    def has_answered(self, seconds: float) -> bool:
        """Wait for the report, at most so long; True once it is there.

        Raises:
            BrokenDown: It will not come.
        """
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], seconds)
        if not readable:
            return False
        answer = self._process.stdout.readline().strip()
        if answer != b"0":
            raise BrokenDown(f"the reporter ended with exit code {answer.decode() or self._process.wait()}")
        return True

    def end(self) -> None:
        """End it and whatever it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
