"""A service started by the real `tuneyard up`, and what tests look at it with."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from client import Tuneyard
from client.endpoint import Endpoint
from client.processes import Processes
from client.views import Job
from tests.patience import PATIENCE_SECONDS, until

TUNEYARD = [sys.executable, "-m", "client"]
QUICK = {"max_steps": 3, "batch_size": 16}
ENDLESS = {"num_epochs": 1000, "batch_size": 1}
"""Of 64 rows it makes 64,000 steps: many minutes on any machine."""


@dataclass(frozen=True)
class Service:
    """A running service."""

    process: subprocess.Popen[str]
    data_dir: Path
    url: str
    tuneyard: Tuneyard

    def endpoint(self) -> Endpoint:
        found = Endpoint.load(self.data_dir)
        assert found is not None
        return found

    def submit(self, train_dataset: str, hyperparameters: Mapping[str, object], **spec: object) -> str:
        asked = {"base_model": "starter", "train_dataset": train_dataset, "hyperparameters": hyperparameters, **spec}
        return self.tuneyard.jobs.create(asked).id

    def until_trains(self, job_id: str) -> None:
        until(lambda: self.tuneyard.jobs.retrieve(job_id).progress)

    def ended(self, job_id: str) -> Job:
        until(lambda: self.tuneyard.jobs.retrieve(job_id).has_ended)
        return self.tuneyard.jobs.retrieve(job_id)

    def stop(self) -> int:
        """End it as a user does; gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def running(data_dir: Path, *options: str, **settings: str) -> Iterator[Service]:
    """A service on a free port, on one slot, with settings of its own in its environment."""
    command = [*TUNEYARD, "up", "--port", "0", "--slots", "1", "--data-dir", str(data_dir), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | settings) as process:
        assert process.stdout is not None
        told = (re.search(r"ready at (\S+)", line) for line in process.stdout)
        url = next(match[1] for match in told if match)
        with Tuneyard(url, data_dir=data_dir, patience_seconds=PATIENCE_SECONDS) as tuneyard:
            service = Service(process, data_dir, url, tuneyard)
            try:
                yield service
            finally:
                if process.poll() is None:
                    service.stop()


def first_steps(service: Service, job_id: str) -> list[int]:
    """The step from which each attempt of a job went on."""
    return [event.data["first_step"] for event in service.tuneyard.jobs.events(job_id) if event.type == "run_started"]


def cli(service: Service, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    return subprocess.run(
        [*TUNEYARD, "--url", service.url, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TUNEYARD_DATA_DIR": str(service.data_dir)},
    )


def roles(data_dir: Path) -> set[str]:
    """What runs of an instance."""
    return set(Processes(data_dir).by_role())
