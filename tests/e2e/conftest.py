"""One live service and one trained job for all tests."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from client.views import Job
from tests.e2e.live_service import QUICK, Service, running

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits"


@dataclass(frozen=True)
class Trained:
    """Two jobs, one submitted right after the other, that have ended."""

    job: Job
    next_job: Job


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 64 digits in `train.jsonl` and 8 others in `heldout.jsonl`."""
    folder = tmp_path_factory.mktemp("digits")
    subprocess.run([sys.executable, EXAMPLE / "dataset.py", folder], check=True, stdout=subprocess.DEVNULL)
    for name, num_rows in (("train.jsonl", 64), ("heldout.jsonl", 8)):
        rows = (folder / name).read_text().splitlines(keepends=True)[:num_rows]
        (folder / name).write_text("".join(rows))
    return folder


@pytest.fixture(scope="session")
def dataset_id(service: Service, digits: Path) -> str:
    return service.tuneyard.datasets.upload(digits / "train.jsonl").id


@pytest.fixture(scope="session")
def trained(service: Service, dataset_id: str) -> Trained:
    job_id = service.submit(dataset_id, QUICK, eval_dataset={"fraction": 0.25})
    next_id = service.submit(dataset_id, QUICK)
    return Trained(service.ended(job_id), service.ended(next_id))
