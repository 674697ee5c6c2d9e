"""What trainers really did, told by themselves at each step in a file that neither the database nor any lease knows."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "TUNEYARD_CHAOS_WITNESS"
"""Environment variable that names the file."""


@dataclass(frozen=True)
class Seen:
    """A step that was taken."""

    job_id: str
    attempt: int
    step: int
    slot: str
    at: float
    """Seconds of the host's monotonic clock, one for all processes."""


class Witness:
    """Of one attempt, which it knows by the run folder."""

    def __init__(self, run_dir: Path) -> None:
        self._fd = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._who = f"{run_dir.parent.name} {run_dir.name.removeprefix('attempt-')}"
        self._slot = _inherited_slot()

    def see(self, step: int) -> None:
        """Add a line, in one write: lines of several processes do not mix."""
        os.write(self._fd, f"{self._who} {step} {self._slot} {time.monotonic():.3f}\n".encode())


def read(path: Path) -> list[Seen]:
    """Every step that was witnessed, oldest first."""
    if not path.exists():
        return []
    lines = (line.split() for line in path.read_text().splitlines())
    seen = [Seen(job_id, int(attempt), int(step), slot, float(at)) for job_id, attempt, step, slot, at in lines]
    return sorted(seen, key=lambda one: one.at)


def _inherited_slot() -> str:
    """Worker and name of the slot whose lock this process has inherited."""
    links = (_target(path) for path in Path("/proc/self/fd").iterdir())
    return next((f"{link.parent.name}/{link.stem}" for link in links if link.suffix == ".lock"), "none")


def _target(path: Path) -> Path:
    try:
        return path.readlink()
    except FileNotFoundError:  # it was the listing's own
        return Path()
