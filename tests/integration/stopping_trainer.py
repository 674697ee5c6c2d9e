"""The real trainer, which stands still where it is to be killed: whoever kills it may come as late as it likes.

`python -m tests.integration.stopping_trainer PLACE SPEC.json …`: a place is `STEP`, as soon as that step is told, or
`STEP:NUMBER`, when from then on so much of a checkpoint has been made durable.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable

from trainer_core import __main__ as trainer
from trainer_core.contract.events import RunEvent, StepCompleted
from trainer_core.contract.spec import JobSpec
from trainer_core.training.lifeline import die_with_parent
from trainer_core.training.stopping import StopRequest

_run = trainer._run  # noqa: SLF001 - whoever wants to see each step must stand between the run and its events
_fsync = os.fsync


class _Place:
    """Where to stand still."""

    def __init__(self, step: int, number: int | None) -> None:
        self._step = step
        self._left = number
        self._is_near = False

    def see(self, event: RunEvent) -> None:
        self._is_near |= isinstance(event, StepCompleted) and event.step >= self._step
        if self._is_near and self._left is None:
            _stand_still()

    def make_durable(self, descriptor: int) -> None:
        if self._is_near and self._left is not None:
            self._left -= 1
            if self._left == 0:
                _stand_still()
        _fsync(descriptor)


def _stand_still() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def main(place: _Place) -> int:
    def run(spec: JobSpec, arguments: argparse.Namespace, emit: Callable[[RunEvent], None], stop: StopRequest) -> None:
        def told(event: RunEvent) -> None:
            emit(event)
            place.see(event)

        _run(spec, arguments, told, stop)

    trainer._run = run  # noqa: SLF001
    os.fsync = place.make_durable  # type: ignore[assignment]
    return trainer.main()


if __name__ == "__main__":
    die_with_parent(os.getppid())  # who stands still ends with nothing else
    step, _, number = sys.argv.pop(1).partition(":")
    sys.exit(main(_Place(int(step), int(number) if number else None)))
