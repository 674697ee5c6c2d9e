"""A report that is being made, by a process that the warm trainer has forked. It knows no database."""

import select
import time

from trainer_core.contract.line import hear, say
from trainer_core.contract.orders import ReportOrder
from worker.rations import kill_family
from worker.warm import NotThere, Warm

_PATIENCE_SECONDS = 300.0
"""How long it may take to import everything and fork."""


class BrokenDown(Exception):
    """No report was made."""


class Reporter:
    """The making of one report.

    Raises:
        BrokenDown: There is nobody who could.
    """

    def __init__(self, warm: Warm, order: ReportOrder) -> None:
        try:
            self._line = warm.line()
        except NotThere as error:
            raise BrokenDown(str(error)) from error
        self._warm = warm
        self._order = order
        self.pid: int | None = None
        """Of the process that makes it, once it is there."""
        self._begun_at = time.monotonic()

    def has_answered(self, seconds: float) -> bool:
        """Wait for the report, at most so long; True once it is there.

        Raises:
            BrokenDown: It will not come.
        """
        readable, _, _ = select.select([self._line], [], [], seconds)
        if not readable:
            self._check_patience()
            return False
        heard, _ = hear(self._line)
        if not heard:
            raise BrokenDown("whoever made the report is gone")
        if self.pid is None:
            self.pid = int(heard)
            self._give_order()
            return False
        if heard != "0":
            raise BrokenDown(f"whoever made the report ended with exit code {heard}")
        return True

    def close(self) -> None:
        """Have no more of it: the process ends with the line."""
        self._line.close()

    def kill(self) -> None:
        """End the process, which has not answered yet, and whatever it has started."""
        assert self.pid is not None
        kill_family(self.pid)

    def _give_order(self) -> None:
        try:
            say(self._line, self._order.model_dump_json())
        except OSError as error:
            raise BrokenDown("whoever should make the report is gone") from error

    def _check_patience(self) -> None:
        if self.pid is None and time.monotonic() - self._begun_at > _PATIENCE_SECONDS:
            self._warm.end()  # it is frozen, or its host is: the next one that is needed is another
            raise BrokenDown(f"the warm trainer has not forked within {_PATIENCE_SECONDS:.0f} s")
