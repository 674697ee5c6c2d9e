"""`python -m benchmarks.overhead`: what a step takes as a job of the service, and by `python -m trainer_core` alone."""

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.figures import Figure, Section, Table
from benchmarks.live import ROOT, Service, digits, service, spec, written
from benchmarks.showing import show
from trainer_core.contract.events import RUN_EVENT, StepCompleted

_ROUNDS = 3
_MOST = 1.02
_KINDS = {"short steps (batch of 8)": (8, 300), "longer steps (batch of 256)": (256, 20)}
"""Rows of a step, and steps."""
_TEXT = """Starter model and digits of the demo, all weights trained, on one slot. Wall time from the first batch to the
last step, as the trainer tells it: as a job of the service, every step's numbers stored, and by
`python -m trainer_core` with the same spec and cache, its events going into a pipe that is read. Medians of {rounds}
rounds in which both take turns."""


def measure() -> Section:
    """Both ways, in turns, for every kind of step."""
    found: dict[str, dict[str, list[float]]] = {kind: defaultdict(list) for kind in _KINDS}
    with TemporaryDirectory() as folder:
        rows = digits(Path(folder) / "digits")
        with service(Path(folder) / "service") as live:
            dataset = live.tuneyard.datasets.upload(rows).id
            live.run(dataset, **spec("full", 1))  # its rows are encoded from now on, for both
            for round_ in range(_ROUNDS):
                for kind, (batch_size, num_steps) in _KINDS.items():
                    asked = spec("full", num_steps, batch_size)
                    ways = [
                        ("service", lambda asked=asked: live.run(dataset, **asked).training_seconds),
                        ("bare", lambda asked=asked: _bare(live, dataset, asked, Path(folder))),
                    ]
                    for name, run in ways if round_ % 2 else reversed(ways):
                        found[kind][name].append(run() / num_steps * 1000)
    return _section(found)


def _bare(live: Service, dataset: str, asked: dict[str, Any], folder: Path) -> float:
    """Training seconds of the program by itself."""
    whole = {"base_model": str(live.starter), "train_dataset": str(live.path_of(dataset)), **asked}
    path = written(folder / "spec.json", whole)
    with TemporaryDirectory(dir=folder) as run_dir:
        command = [sys.executable, "-m", "trainer_core", str(path), "--run-dir", run_dir, "--cache", str(live.cache)]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env=os.environ
        )
    steps = [
        event for line in done.stdout.splitlines() if isinstance(event := RUN_EVENT.validate_json(line), StepCompleted)
    ]
    return steps[-1].elapsed_seconds


def _section(found: dict[str, dict[str, list[float]]]) -> Section:
    ratios = {kind: median(ways["service"]) / median(ways["bare"]) for kind, ways in found.items()}
    figures = [Figure(f"service to bare trainer, {kind}", ratio, "x", most=_MOST) for kind, ratio in ratios.items()]
    rows = [
        [
            kind,
            *(
                f"{median(ways[name]):.2f} ({min(ways[name]):.2f} to {max(ways[name]):.2f})"
                for name in ("service", "bare")
            ),
        ]
        for kind, ways in found.items()
    ]
    table = Table(["milliseconds a step", "service", "bare trainer"], rows)
    return Section("What the service costs a step", _TEXT.format(rounds=_ROUNDS), figures, [table])


if __name__ == "__main__":
    show(measure())
