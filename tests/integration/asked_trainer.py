"""The real trainer, which is asked to save and end as soon as it tells that it evaluates; the first rank hears it."""

import argparse
import sys
from collections.abc import Callable

from trainer_core import __main__ as trainer
from trainer_core.contract.control import Control
from trainer_core.contract.events import Phase, PhaseEntered, RunEvent
from trainer_core.contract.spec import JobSpec
from trainer_core.training import launch
from trainer_core.training.stopping import StopRequest

_run = trainer._run  # noqa: SLF001 - whoever asks in the middle of a run must stand between it and its events


def run(spec: JobSpec, arguments: argparse.Namespace, emit: Callable[[RunEvent], None], stop: StopRequest) -> None:
    def told(event: RunEvent) -> None:
        emit(event)
        if isinstance(event, PhaseEntered) and event.phase is Phase.EVALUATING and launch.rank() == 0:
            stop.ask(Control.DRAIN)

    _run(spec, arguments, told, stop)


if __name__ == "__main__":
    trainer._run = run  # noqa: SLF001
    sys.exit(trainer.main())
