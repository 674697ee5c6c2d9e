"""One training program at a time on two cores: its steps, its memory, and whether anything else used the cores.

A program tells of itself in JSON lines on stdout, as `python -m trainer_core` does: `run_started` once model and data
are there, `step_completed` after each step. What it does after its last step is not measured.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import IO, Any

import psutil

NUM_CORES = 2
ENVIRONMENT = {
    "OMP_NUM_THREADS": str(NUM_CORES),
    # Where a core is taken by another program, threads that wait for each other otherwise burn the one that is left.
    "GOMP_SPINCOUNT": "1000",
    "HF_HUB_OFFLINE": "1",
}
"""The same for whoever is measured."""
_MOST_SECONDS_TO_END = 60
_RESET_PEAK = "5"
"""Linux: forget the highest resident set so far (proc(5), clear_refs)."""


@dataclass(frozen=True)
class Run:
    """What a program did between its start and its last step."""

    loading_seconds: float
    """Before it said that it begins: imports, model, rows."""
    total_seconds: float
    step_seconds: Sequence[float]
    step_core_seconds: Sequence[float]
    """Time that the program had on any core, which others beside it take little from."""
    losses: Sequence[float]
    loaded_bytes: int
    """Resident when model and data were there."""
    peak_bytes: int
    """Most that was resident while it trained."""
    stolen: float
    """Part of the cores' time that other programs took meanwhile, 0 to 1."""
    events: Sequence[Mapping[str, Any]]

    @property
    def steady_seconds(self) -> float:
        """Median of all steps but the first, which allocates."""
        return median(self.step_seconds[1:] or self.step_seconds)

    @property
    def core_seconds(self) -> float:
        """From its start to its last step."""
        return sum(self.step_core_seconds)


@dataclass(frozen=True)
class _Moment:
    at: float
    busy_seconds: float
    own_seconds: float

    @classmethod
    def now(cls, process: psutil.Process) -> "_Moment":
        machine, own = psutil.cpu_times(), process.cpu_times()
        busy = sum(machine) - machine.idle - machine.iowait - machine.guest - machine.guest_nice
        return cls(time.monotonic(), busy, own.user + own.system + own.children_user + own.children_system)

    def stolen_until(self, end: "_Moment") -> float:
        others = (end.busy_seconds - self.busy_seconds) - (end.own_seconds - self.own_seconds)
        return max(0.0, others / ((end.at - self.at) * (os.cpu_count() or 1)))


def run(command: Sequence[str], log: Path) -> Run:
    """Carry a program out until its last step.

    Args:
        command: Its first word is the Python to use.
        log: Where its stderr goes.

    Raises:
        RuntimeError: It ended before its last step.
    """
    environment = {**os.environ, **ENVIRONMENT}
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:NUM_CORES])  # the program inherits it
    try:
        with (
            log.open("w", encoding="utf-8") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment, text=True) as process,
        ):
            assert process.stdout is not None
            try:
                found = _watch(process.pid, process.stdout)
            finally:
                _end(process)
    finally:
        os.sched_setaffinity(0, allowed)
    if found is None:
        raise RuntimeError(f"{' '.join(command)} ended before its last step:\n{log.read_text()[-3000:]}")
    return found


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=_MOST_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()


def _watch(pid: int, stdout: IO[str]) -> Run | None:
    """Hear the program until its last step; None if it ended before."""
    watched, events, losses = psutil.Process(pid), [], []
    born, loaded_bytes, moments, total_steps = _Moment.now(watched), 0, [], 0
    for event in _events(stdout):
        events.append(event)
        if event["type"] == "run_started":
            total_steps, loaded_bytes = event["total_steps"], watched.memory_info().rss
            Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)
            moments.append(_Moment.now(watched))
        if event["type"] != "step_completed":
            continue
        moments.append(_Moment.now(watched))
        losses.append(event["loss"])
        if event["step"] == total_steps:
            start, end = moments[0], moments[-1]
            return Run(
                loading_seconds=start.at - born.at,
                total_seconds=end.at - start.at,
                step_seconds=[one.at - before.at for before, one in pairwise(moments)],
                step_core_seconds=[one.own_seconds - before.own_seconds for before, one in pairwise(moments)],
                losses=losses,
                loaded_bytes=loaded_bytes,
                peak_bytes=_peak_bytes(pid),
                stolen=start.stolen_until(end),
                events=events,
            )
    return None


def _events(stdout: IO[str]) -> Iterator[dict[str, Any]]:
    for line in stdout:
        if line.startswith("{"):
            yield json.loads(line)


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(kilobytes) * 1024
