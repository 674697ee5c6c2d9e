"""The real service on the digits of the demo, as `tuneyard up` starts it, and jobs that are timed."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from client import Tuneyard
from client.views import Job

ROOT = Path(__file__).parents[1]
BATCH_SIZE = 32
LEARNING_RATE = 1e-3
_WARM_SECONDS = 30
"""A worker has everything imported by then, on a busy machine too."""


@dataclass(frozen=True)
class Service:
    """A running service with its folder."""

    folder: Path
    tuneyard: Tuneyard

    @property
    def starter(self) -> Path:
        """The base model of all jobs."""
        return self.folder / "storage" / "models" / "starter"

    @property
    def cache(self) -> Path:
        """What trainers share."""
        return self.folder / "storage" / "cache"

    def run(self, dataset_id: str, **spec: Any) -> "Timed":
        """Submit a job and wait for its end."""
        submitted_at = time.time()
        job_id = self.tuneyard.jobs.create({"base_model": "starter", "train_dataset": dataset_id, **spec}).id
        job = self.tuneyard.jobs.wait(job_id)
        assert job.has_succeeded, job
        at = {f"{one.type} {one.data.get('phase', '')}".strip(): one for one in self.tuneyard.jobs.events(job_id)}
        told_at = {name: one.data["at"] for name, one in at.items() if "at" in one.data}
        stored_at = {name: one.created_at.timestamp() for name, one in at.items()}
        timed = Timed(job, submitted_at, stored_at, told_at)
        print({name: round(seconds, 2) for name, seconds in timed.parts.items()}, file=sys.stderr)
        return timed

    def path_of(self, dataset_id: str) -> Path:
        """Where the rows of a dataset lie."""
        return self.folder / "storage" / "datasets" / f"{dataset_id}.jsonl"


@dataclass(frozen=True)
class Timed:
    """A job that has ended, and when it came to what."""

    job: Job
    submitted_at: float
    stored_at: dict[str, float]
    told_at: dict[str, str]

    @property
    def training_seconds(self) -> float:
        """From the first batch to the last step."""
        assert self.job.progress is not None
        return self.job.progress.elapsed_seconds

    @property
    def parts(self) -> dict[str, float]:
        """Seconds from the submission: queued, claimed, trainer there, loaded; and the last step, of a job of one."""
        trains = _seconds(self.told_at["phase_entered training"])
        found = {
            "report made": self.stored_at["job_queued"],
            "claimed": self.stored_at["attempt_started"],
            "trainer begins": _seconds(self.told_at["phase_entered loading"]),
            "model and rows loaded": trains,
            "first step": trains + self.training_seconds,
        }
        return {name: at - self.submitted_at for name, at in found.items()}


@contextmanager
def service(folder: Path, **settings: str) -> Iterator[Service]:
    """A service on a free port with one slot, warm unless `settings` say otherwise."""
    command = [sys.executable, "-m", "client", "up", "--port", "0", "--slots", "1", "--data-dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | settings, cwd=ROOT) as process:
        assert process.stdout is not None
        told = (re.search(r"ready at (\S+)", line) for line in process.stdout)
        url = next(match[1] for match in told if match)
        try:
            with Tuneyard(url, data_dir=folder) as tuneyard:
                time.sleep(_WARM_SECONDS)
                yield Service(folder, tuneyard)
        finally:
            process.send_signal(signal.SIGTERM)


def digits(folder: Path) -> Path:
    """The demo's rows to train on."""
    script = ROOT / "examples" / "digits" / "dataset.py"
    subprocess.run([sys.executable, str(script), str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder / "train.jsonl"


def shuffled(rows: Path, seed: int) -> Path:
    """The same rows in another order: a dataset that no worker has seen."""
    lines = rows.read_text().splitlines()
    random.Random(seed).shuffle(lines)  # noqa: S311 - no secret
    path = rows.with_name(f"shuffled-{seed}.jsonl")
    path.write_text("\n".join(lines) + "\n")
    return path


def spec(method: str, max_steps: int, batch_size: int = BATCH_SIZE) -> dict[str, Any]:
    """What all jobs ask for."""
    chosen = {"num_epochs": 1000, "max_steps": max_steps, "batch_size": batch_size, "learning_rate": LEARNING_RATE}
    return {"method": {"type": method}, "hyperparameters": chosen}


def written(path: Path, spec_: dict[str, Any]) -> Path:
    """A spec as a file."""
    path.write_text(json.dumps(spec_))
    return path


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
