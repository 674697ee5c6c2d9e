"""`python -m trainer_core` as a worker and a person start it: pipes, words, signals and exit codes."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer_core.contract.control import LEASE, Control, ExitCode
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.events import (
    RUN_EVENT,
    ArtifactVerified,
    CheckpointSaved,
    ParametersUnused,
    RunEvent,
    RunFailed,
    RunStarted,
    RunStopped,
    RunSucceeded,
    StepCompleted,
)
from trainer_core.contract.spec import Hyperparameters, JobSpec


def command(spec: JobSpec | str, folder: Path, *more: str) -> list[str]:
    path = folder / "spec.json"
    path.write_text(spec if isinstance(spec, str) else spec.model_dump_json())
    return [sys.executable, "-m", "trainer_core", str(path), "--run-dir", str(folder / "run"), *more]


def spec_of(starter_dir: Path, shades_file: Path, max_steps: int) -> JobSpec:
    chosen = Hyperparameters(num_epochs=1000, max_steps=max_steps, batch_size=2)
    return JobSpec(base_model=str(starter_dir), train_dataset=str(shades_file), hyperparameters=chosen)


@pytest.fixture
def supervised(starter_dir: Path, shades_file: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A trainer with a runner, in the middle of a run that would not end by itself."""
    with subprocess.Popen(
        command(spec_of(starter_dir, shades_file, 6000), tmp_path, "--supervised", str(time.monotonic() + 3600)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if isinstance(RUN_EVENT.validate_json(line), StepCompleted):
                break
        yield process
        process.kill()


def last_events(process: subprocess.Popen[str]) -> list[RunEvent]:
    """What it says until it ends."""
    assert process.stdout is not None
    return [RUN_EVENT.validate_json(line) for line in process.stdout]


def test_a_run_leaves_events_on_stdout_alone(starter_dir: Path, shades_file: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        command(spec_of(starter_dir, shades_file, 1), tmp_path), capture_output=True, text=True, check=False
    )

    events = [RUN_EVENT.validate_json(line) for line in done.stdout.splitlines()]
    assert done.returncode == ExitCode.SUCCEEDED, done.stderr
    assert [type(event) for event in events if not event.type.startswith("phase")] == [
        RunStarted,
        ParametersUnused,
        StepCompleted,
        CheckpointSaved,
        ArtifactVerified,
        RunSucceeded,
    ]
    assert (tmp_path / "run/artifact/manifest.json").exists()
    assert "Warning" not in done.stderr


def test_a_drained_trainer_saves_and_stops(supervised: subprocess.Popen[str], tmp_path: Path) -> None:
    assert supervised.stdin is not None
    supervised.stdin.write(f"{Control.DRAIN}\n")
    supervised.stdin.flush()

    *events, stopped = last_events(supervised)

    *_, saved = (event for event in events if isinstance(event, CheckpointSaved))
    assert isinstance(stopped, RunStopped)
    assert stopped.step == saved.step
    assert supervised.wait() == ExitCode.STOPPED
    assert (tmp_path / "run" / saved.path / "manifest.json").exists()


def test_a_trainer_whose_lease_is_over_ends_at_once(supervised: subprocess.Popen[str]) -> None:
    assert supervised.stdin is not None
    supervised.stdin.write(f"{LEASE} {time.monotonic()}\n")
    supervised.stdin.flush()

    assert supervised.wait(timeout=60) == -signal.SIGALRM


@pytest.mark.long
def test_a_trainer_that_is_asked_to_finish_leaves_an_artifact_and_succeeds(
    supervised: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert supervised.stdin is not None
    supervised.stdin.write(f"{Control.FINISH}\n")
    supervised.stdin.flush()

    *_, succeeded = last_events(supervised)

    assert isinstance(succeeded, RunSucceeded)
    assert supervised.wait() == ExitCode.SUCCEEDED
    assert (tmp_path / "run/artifact/manifest.json").exists()


def test_a_trainer_without_a_runner_ends_at_once(supervised: subprocess.Popen[str]) -> None:
    assert supervised.stdin is not None

    supervised.stdin.close()

    assert supervised.wait(timeout=60) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("{", "Invalid JSON"),
        ('{"base_model": "a", "train_dataset": "b", "learning_rate": 1}', "learning_rate: Extra inputs"),
        ('{"train_dataset": "b"}', "base_model: Field required"),
    ],
)
def test_a_bad_spec_is_a_failure_and_no_traceback(tmp_path: Path, spec: str, words: str) -> None:
    done = subprocess.run(command(spec, tmp_path), capture_output=True, text=True, check=False)

    failed = RUN_EVENT.validate_json(done.stdout)
    assert isinstance(failed, RunFailed)
    assert (done.returncode, failed.code) == (ExitCode.FAILED, FailureCode.INVALID_SPEC)
    assert words in failed.message
    assert words in done.stderr
    assert "Traceback" not in done.stderr
