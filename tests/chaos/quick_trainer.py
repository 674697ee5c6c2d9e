"""A real process in place of the trainer: it speaks the contract and dies by the trainer's own switches, without torch.

Started ahead with `--warm`, it forks for each run, and for each check of a job, which it finds to fit.

A step takes a moment and folds its number into a state, which checkpoints carry on: the artifact of a job that was
interrupted a hundred times must be that of one that was not.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from socket import socket

from tests.chaos.witness import Witness
from trainer_core.contract.control import Control, ExitCode
from trainer_core.contract.events import (
    CheckpointSaved,
    Phase,
    PhaseEntered,
    RunEvent,
    RunStarted,
    RunStopped,
    RunSucceeded,
    StepCompleted,
)
from trainer_core.contract.orders import Order, ReportOrder, RunOrder
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import JobSpec, read_spec
from trainer_core.training.folders import write_folder
from trainer_core.training.lifeline import die_at, die_with_line, die_with_parent
from trainer_core.training.stopping import StopRequest
from trainer_core.warm import serve

STEP_SECONDS = "TUNEYARD_CHAOS_STEP_SECONDS"
WITHOUT_SWITCH = "TUNEYARD_CHAOS_WITHOUT_SWITCH"
"""Set, it makes this trainer outlive its runner and its lease, which no real one does."""
STATE = "state.txt"


def state_after(num_steps: int, state: int = 0, first_step: int = 1) -> int:
    """What the steps up to `num_steps` make of a state."""
    for step in range(first_step, num_steps + 1):
        state = (state * 1_000_003 + step) % (1 << 61)
    return state


class Run:
    """One attempt."""

    def __init__(self, spec: JobSpec, run_dir: Path, resumed: Path | None) -> None:
        assert isinstance(spec.checkpointing.every, int)
        assert spec.hyperparameters.max_steps is not None
        self._every = spec.checkpointing.every
        self._num_steps = spec.hyperparameters.max_steps
        self._run_dir = run_dir
        self._witness = Witness(run_dir)
        self._step, self._state = _read(resumed)
        self._started_at = time.monotonic()

    def train(self, stop: StopRequest) -> ExitCode:
        """Take step after step, until there are no more or a word ends it."""
        say(PhaseEntered(phase=Phase.TRAINING))
        say(self._started())
        while self._step < self._num_steps and stop.word is not Control.FINISH:
            self._take_step()
            if self._step % self._every == 0 or stop.word is Control.DRAIN:
                self._save()
            if stop.word in {Control.DRAIN, Control.CANCEL}:
                say(RunStopped(step=self._step))
                return ExitCode.STOPPED
        write_folder(self._run_dir / "artifact", self._write_state)
        say(RunSucceeded(step=self._step, path="artifact", training_seconds=time.monotonic() - self._started_at))
        return ExitCode.SUCCEEDED

    def _take_step(self) -> None:
        seconds = float(os.environ[STEP_SECONDS])
        time.sleep(seconds)
        self._step += 1
        self._state = state_after(self._step, self._state, self._step)
        self._witness.see(self._step)
        say(
            StepCompleted(
                step=self._step,
                total_steps=self._num_steps,
                epoch=self._step / self._num_steps,
                loss=1 / self._step,
                learning_rate=0.1,
                grad_norm=None,
                num_supervised_tokens=1,
                step_seconds=seconds,
                elapsed_seconds=time.monotonic() - self._started_at,
            )
        )

    def _save(self) -> None:
        path = f"checkpoints/step-{self._step:06d}"
        manifest = write_folder(self._run_dir / path, self._write_state)
        say(
            CheckpointSaved(
                step=self._step,
                epoch=self._step / self._num_steps,
                path=path,
                num_bytes=manifest.num_bytes,
                manifest_sha256=manifest.sha256,
                metrics={},
            )
        )

    def _write_state(self, folder: Path) -> None:
        (folder / STATE).write_text(f"{self._step} {self._state}")

    def _started(self) -> RunStarted:
        return RunStarted(
            first_step=self._step,
            total_steps=self._num_steps,
            num_train_rows=1,
            num_eval_rows=0,
            num_parameters=1,
            num_trainable_parameters=1,
            device="cpu",
            precision="fp32",
        )


def say(event: RunEvent) -> None:
    """Tell the runner; one that is gone hears nothing, which is no reason to end."""
    with suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{event.model_dump_json()}\n".encode())


def _read(checkpoint: Path | None) -> tuple[int, int]:
    if checkpoint is None:
        return 0, 0
    step, state = (checkpoint / STATE).read_text().split()
    return int(step), int(state)


def report(order: ReportOrder) -> int:
    """Find every job to fit."""
    Path(order.report).write_text(JobReport(is_valid=True).model_dump_json())
    return ExitCode.SUCCEEDED


def carry_out(order: Order, line: socket) -> int:
    if isinstance(order, ReportOrder):
        return report(order)
    assert isinstance(order, RunOrder)
    return run(order.arguments, line)


def run(told: Sequence[str], line: socket | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("spec", type=Path)
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--cache-bytes", type=int)
    parser.add_argument("--file-bytes", type=int)
    parser.add_argument("--supervised", type=float, required=True)
    arguments = parser.parse_args(told)
    stop = StopRequest()
    stop.listen_to_signals()
    if WITHOUT_SWITCH not in os.environ:
        if line is not None:
            die_with_line(line)
        else:
            die_with_parent(os.getppid())
        die_at(arguments.supervised)
        stop.listen_to_stdin()
    return Run(read_spec(arguments.spec), arguments.run_dir, arguments.resume).train(stop)


if __name__ == "__main__":
    sys.exit(serve(carry_out) if "--warm" in sys.argv else run(sys.argv[1:]))
