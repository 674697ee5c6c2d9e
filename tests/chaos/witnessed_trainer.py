"""The real trainer, whose steps are witnessed."""

import argparse
import sys
from collections.abc import Callable

from tests.chaos.witness import Witness
from trainer_core import __main__ as trainer
from trainer_core.contract.events import RunEvent, StepCompleted
from trainer_core.contract.spec import JobSpec
from trainer_core.training.stopping import StopRequest

_run = trainer._run  # noqa: SLF001 - whoever wants to see each step must stand between the run and its events


def _run_witnessed(
    spec: JobSpec, arguments: argparse.Namespace, emit: Callable[[RunEvent], None], stop: StopRequest
) -> None:
    witness = Witness(arguments.run_dir)

    def see(event: RunEvent) -> None:
        if isinstance(event, StepCompleted):
            witness.see(event.step)
        emit(event)

    _run(spec, arguments, see, stop)


if __name__ == "__main__":
    trainer._run = _run_witnessed  # noqa: SLF001
    sys.exit(trainer.main())
