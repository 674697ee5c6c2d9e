"""The real program, killed where it hurts and started again until it succeeds: one run all the same."""

import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.integration.runs import Run, series
from trainer_core.contract.control import ExitCode
from trainer_core.contract.events import RUN_EVENT, CheckpointSaved, RunEvent, RunSucceeded
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.spec import (
    Checkpointing,
    Evaluation,
    Export,
    FullFineTune,
    Hyperparameters,
    JobSpec,
    Lora,
    Method,
    Resources,
)

NUM_STEPS = 24
NUM_SYNCS = 11
"""Files and folders of a checkpoint that are made durable."""


@pytest.fixture(scope="module")
def spec(starter_dir: Path, uneven_file: Path) -> JobSpec:
    """A checkpoint after each third step, an evaluation after each fourth, noise, a process that prepares batches."""
    return JobSpec(
        base_model=str(starter_dir),
        train_dataset=str(uneven_file),
        eval_dataset=str(uneven_file),
        hyperparameters=Hyperparameters(
            num_epochs=99, max_steps=NUM_STEPS, batch_size=2, learning_rate=1e-3, neftune_noise_alpha=5.0
        ),
        evaluation=Evaluation(every=4),
        checkpointing=Checkpointing(every=3),
        export=Export(state="best", merged=False),
        resources=Resources(num_loader_workers=1),
    )


@dataclass
class Attempts:
    """One run by several processes, each in a folder of its own, as a worker does it."""

    spec: JobSpec
    folder: Path
    events: list[RunEvent] = field(default_factory=list)
    num_started: int = 0
    told: list[Path] = field(default_factory=list)
    """Checkpoints."""

    def start(self, *program: str) -> "subprocess.Popen[str]":
        """A trainer, from the newest checkpoint that it was told of and that is whole."""
        newest = max(filter(is_whole, self.told), key=lambda found: found.name, default=None)
        resume = ["--resume", str(newest)] if newest else []
        first = int(newest.name.removeprefix("step-")) if newest else 0
        self.events = [event for event in self.events if getattr(event, "step", 0) <= first]
        self.num_started += 1
        path = self.folder / "spec.json"
        path.write_text(self.spec.model_dump_json())
        command = [sys.executable, "-m", *program, str(path), "--run-dir", str(self.run_dir), *resume]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @property
    def run_dir(self) -> Path:
        return self.folder / f"attempt {self.num_started}"

    def hear(self, process: "subprocess.Popen[str]") -> None:
        """All that it tells, to its end."""
        assert process.stdout is not None
        for line in process.stdout:
            event = RUN_EVENT.validate_json(line)
            self.events.append(event)
            if isinstance(event, CheckpointSaved):
                self.told.append(self.run_dir / event.path)


def is_whole(checkpoint: Path) -> bool:
    return (checkpoint / "manifest.json").is_file() and Manifest.load(checkpoint).is_true_of(checkpoint)


def kill(process: "subprocess.Popen[str]") -> None:
    """Where it stands still, as the kernel does it where memory is short; what it started must go as well."""
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    children = psutil.Process(process.pid).children(recursive=True)
    for child in children:
        child.suspend()  # torch's own processes would look for their parent now and then
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []


def run_with_kills(spec: JobSpec, folder: Path, num_kills: int, seed: int) -> Attempts:
    """Killed at a step, inside a checkpoint, at a step, …; then left alone."""
    chance, attempts = random.Random(seed), Attempts(spec, folder)  # noqa: S311 - no secret
    for number in range(num_kills):
        step = min(round(NUM_STEPS * (number + chance.random()) / num_kills), NUM_STEPS - 4)
        place = f"{step}:{chance.randint(1, NUM_SYNCS)}" if number % 2 else str(step)
        with attempts.start("tests.integration.stopping_trainer", place) as process:
            kill(process)
            attempts.hear(process)
            assert process.returncode == -signal.SIGKILL, process.stderr and process.stderr.read()
    with attempts.start("trainer_core") as process:
        attempts.hear(process)
    assert process.returncode == ExitCode.SUCCEEDED
    return attempts


@pytest.mark.parametrize(
    ("method", "num_kills", "seed"),
    [
        (FullFineTune(), 2, 1),
        pytest.param(FullFineTune(), 10, 2, marks=pytest.mark.long),
        pytest.param(Lora(rank=2, dropout=0.3), 10, 3, marks=pytest.mark.long),
    ],
)
def test_a_run_that_is_killed_again_and_again_ends_as_the_undisturbed_one(
    spec: JobSpec, tmp_path: Path, method: Method, num_kills: int, seed: int
) -> None:
    spec = spec.model_copy(update={"method": method})
    undisturbed = Run(tmp_path / "undisturbed").of(spec)

    attempts = run_with_kills(spec, tmp_path, num_kills, seed)

    assert series(attempts.events) == undisturbed.series
    [weights] = (attempts.run_dir / "artifact").glob("*.safetensors")
    assert weights.read_bytes() == undisturbed.weights
    assert isinstance(attempts.events[-1], RunSucceeded)
    assert attempts.events[-1].best_step == undisturbed.told(RunSucceeded)[0].best_step
