"""A real process that speaks the trainer's contract and does what its first argument says, without torch."""

import os
import subprocess
import sys
import time
from pathlib import Path
from socket import socket

from trainer_core.contract.control import LEASE, Control, ExitCode
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.events import (
    CheckpointSaved,
    EvaluationCompleted,
    Phase,
    PhaseEntered,
    RunEvent,
    RunFailed,
    RunStarted,
    RunStopped,
    RunSucceeded,
    StepCompleted,
)
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.orders import Order, RunOrder
from trainer_core.training.lifeline import die_with_line
from trainer_core.warm import serve


def say(event: RunEvent) -> None:
    print(event.model_dump_json(), flush=True)


def start(first_step: int = 0) -> None:
    say(PhaseEntered(phase=Phase.TRAINING))
    say(
        RunStarted(
            first_step=first_step,
            total_steps=4,
            num_train_rows=8,
            num_eval_rows=0,
            num_parameters=10,
            num_trainable_parameters=10,
            device="cpu",
            precision="fp32",
        )
    )


def step(number: int) -> None:
    say(
        StepCompleted(
            step=number,
            total_steps=4,
            epoch=number / 4,
            loss=1 / number,
            learning_rate=0.1,
            grad_norm=None,
            num_supervised_tokens=8,
            step_seconds=0.5,
            elapsed_seconds=0.5 * number,
        )
    )


def save(folder: Path, text: str) -> Manifest:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text(text)
    manifest = Manifest.of(folder)
    manifest.save(folder)
    return manifest


def checkpoint(run_dir: Path, number: int) -> None:
    path = f"checkpoints/step-{number}"
    manifest = save(run_dir / path, str(number))
    say(
        CheckpointSaved(
            step=number,
            epoch=1.0,
            path=path,
            num_bytes=manifest.num_bytes,
            manifest_sha256=manifest.sha256,
            metrics={"loss": 0.5},
        )
    )


def succeed(run_dir: Path, number: int = 4) -> ExitCode:
    save(run_dir / "artifact", "trained")
    say(RunSucceeded(step=number, path="artifact", training_seconds=2.0))
    return ExitCode.SUCCEEDED


def obey(run_dir: Path) -> ExitCode:
    print(f"pid {os.getpid()}", file=sys.stderr, flush=True)
    word = next(line.strip() for line in sys.stdin if not line.startswith(LEASE))
    print(f"heard {word}", file=sys.stderr, flush=True)
    if word == Control.FINISH:
        return succeed(run_dir, 1)
    say(RunStopped(step=1))
    return ExitCode.STOPPED


def act(script: str, run_dir: Path) -> int:  # noqa: C901, PLR0911 - one return a script
    """Play one script to its end."""
    start()
    match script:
        case "succeed":
            for number in range(1, 5):
                step(number)
            say(EvaluationCompleted(step=4, epoch=1.0, loss=0.25, num_rows=3, seconds=0.1))
            checkpoint(run_dir, 4)
            print("a line for the log", file=sys.stderr, flush=True)
            return succeed(run_dir)
        case "fail":
            say(RunFailed(code=FailureCode.OUT_OF_MEMORY, message="the device is too small"))
            return ExitCode.FAILED
        case "die":
            os.abort()
        case "babble":
            print("no event at all", flush=True)
            return succeed(run_dir)
        case "obey":
            return obey(run_dir)
        case "ignore":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            print(f"child {child.pid}", file=sys.stderr, flush=True)
            time.sleep(600)
        case "leave":
            left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
            (run_dir / "left").write_text(str(left.pid))
            return succeed(run_dir)
        case "resume":
            resumed = sys.argv[sys.argv.index("--resume") + 1] if "--resume" in sys.argv else "nothing"
            print(f"resumed from {resumed}", file=sys.stderr, flush=True)
            return succeed(run_dir)
        case "environment":
            print(" ".join(sorted(os.environ)), file=sys.stderr, flush=True)
            return succeed(run_dir)
        case "confess":
            print(*os.environ.items(), Path("/proc/self/environ").read_text(), file=sys.stderr, flush=True)
            return succeed(run_dir)
    return 2


def carry_out(order: Order, line: socket) -> int:
    """What a fork of this program does, if it was started with `--warm`."""
    assert isinstance(order, RunOrder)
    die_with_line(line)
    print(f"warm {os.getppid()}", file=sys.stderr, flush=True)
    sys.argv[2:] = order.arguments
    return play()


def play() -> int:
    return act(sys.argv[1], Path(sys.argv[sys.argv.index("--run-dir") + 1]))


if __name__ == "__main__":
    sys.exit(serve(carry_out) if "--warm" in sys.argv else play())
