"""`python -m trainer_core.reporter`: reports on demand, each by a process of its own that has everything imported.

A line on stdin is a `ReportOrder`; a line on stdout answers it by the exit code of whoever made the report, 0 if it is
there.
When stdin closes, whoever wanted reports is gone, and so is this program, in the middle of one if need be.
"""

import os
import select
import signal
import sys
from pathlib import Path

from trainer_core.contract.report import ReportOrder
from trainer_core.contract.spec import read_spec
from trainer_core.models import adapters  # noqa: F401 - imported once, here, for every report
from trainer_core.report import report
from trainer_core.training.stopping import StopRequest

_LOOK_SECONDS = 0.05
_BROKEN_DOWN = 70
"""EX_SOFTWARE of sysexits.h."""


def main() -> None:
    """Answer orders until there are no more."""
    for line in sys.stdin:
        order = ReportOrder.model_validate_json(line)
        child = os.fork()
        if child == 0:
            _make(order)
        print(_outcome(child), flush=True)  # noqa: T201 - it is what this program says


def _make(order: ReportOrder) -> None:
    exit_code = _BROKEN_DOWN
    try:
        draft = Path(f"{order.report}.draft")
        draft.write_text(report(read_spec(Path(order.spec)), StopRequest()).model_dump_json())
        draft.rename(order.report)
        exit_code = 0
    except Exception as error:  # noqa: BLE001 - whatever it is, its last words go to stderr
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201
    finally:
        os._exit(exit_code)


def _outcome(child: int) -> int:
    """The exit code of a child, below 0 if a signal ended it; it is ended if stdin closes meanwhile."""
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        readable, _, _ = select.select([sys.stdin], [], [], _LOOK_SECONDS)
        if readable:  # nothing is ordered before the answer, so it has closed
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            sys.exit()


if __name__ == "__main__":
    main()
