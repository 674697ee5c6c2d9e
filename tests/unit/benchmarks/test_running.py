"""A program is measured from when it says that it begins to its last step."""

import sys
from pathlib import Path

import pytest

from benchmarks.running import Run, run

MEBIBYTE = 1024**2
STARTED = '{"type": "run_started", "total_steps": 2}'
STEPS = [f'{{"type": "step_completed", "step": {step}, "loss": {3 - step}.5}}' for step in (1, 2)]
GO_ON = "as one does that saves its model: of a program that is gone, nothing more is told"
WAIT = "until it was seen to begin: whoever measures forgets its peak then"
PROGRAM = f"""
import sys, time
from tests.unit.peaks import peak_bytes

peak = len(bytes({128 * MEBIBYTE}) * 2) and peak_bytes()  # given back at once
for line in sys.argv[1:]:
    if line == {GO_ON!r}:
        time.sleep(600)
    elif line == {WAIT!r}:
        while peak_bytes() >= peak:
            time.sleep(0.01)
    elif line.startswith("bytes"):
        kept = eval(line)
    else:
        print(line, flush=True)
"""


def measured(folder: Path, *lines: str) -> Run:
    return run([sys.executable, "-c", PROGRAM, *lines], folder / "log")


def test_steps_are_measured_with_their_losses(tmp_path: Path) -> None:
    found = measured(tmp_path, "some words of a library", STARTED, *STEPS, GO_ON)

    assert list(found.losses) == [2.5, 1.5]
    assert found.total_seconds >= sum(found.step_seconds)


def test_memory_taken_while_training_is_seen(tmp_path: Path) -> None:
    found = measured(tmp_path, STARTED, WAIT, STEPS[0], f"bytes({64 * MEBIBYTE}) * 2", STEPS[1], GO_ON)

    assert found.peak_bytes - found.loaded_bytes > 64 * MEBIBYTE


def test_what_comes_after_the_last_step_is_not_waited_for(tmp_path: Path) -> None:
    found = measured(tmp_path, STARTED, *STEPS, '{"type": "run_failed"}', GO_ON)

    assert [event["type"] for event in found.events] == ["run_started", "step_completed", "step_completed"]


def test_a_program_that_ends_before_its_last_step_has_no_figures(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ended before its last step"):
        measured(tmp_path, STARTED, STEPS[0])
