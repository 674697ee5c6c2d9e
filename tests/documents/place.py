"""A service that readers of the documents find running, and what they have there already."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.documents.blocks import ROOT
from tests.e2e.live_service import ENDLESS, Service
from tests.patience import until

QUICK = {"max_steps": 3, "batch_size": 16}
ENDED = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Place:
    """Where readers do what they read. It is asked by HTTP, as whoever reads might."""

    service: Service
    rows: Path
    """A folder with `train.jsonl` and `heldout.jsonl`."""
    starter: Path
    """A model's folder."""

    @property
    def key(self) -> str:
        """The key of whoever started the service."""
        return self.service.endpoint().api_key or ""

    def ask(self, method: str, path: str, **request: Any) -> Any:
        """What the service answers."""
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = httpx2.request(method, f"{self.service.url}{path}", headers=headers, timeout=60, **request)
        assert answer.is_success, answer.text
        return answer.json()

    def upload(self, rows: Path) -> str:
        """Have rows checked and kept; gives their id."""
        dataset = self.ask("POST", f"/datasets?filename={rows.name}", content=rows.read_bytes())
        return str(dataset["id"])

    def submit(self, dataset_id: str, hyperparameters: dict[str, int], **spec: object) -> str:
        """A job of its own, on the starter model."""
        asked = {"base_model": "starter", "train_dataset": dataset_id, "hyperparameters": hyperparameters, **spec}
        return str(self.ask("POST", "/jobs", json=asked)["id"])

    def newest_job(self) -> str:
        """The job that was submitted last."""
        return str(self.ask("GET", "/jobs?limit=1")["data"][0]["id"])

    def wait(self, job_id: str, *statuses: str) -> None:
        """Until it has one of them."""
        until(lambda: self.ask("GET", f"/jobs/{job_id}")["status"] in statuses)

    def bring_to(self, job_id: str, status: str) -> None:
        """Have a job that does not end by itself run, be paused or be cancelled."""
        until(lambda: self.ask("GET", f"/jobs/{job_id}")["progress"])
        if status != "running":
            self.ask("POST", f"/jobs/{job_id}/{'pause' if status == 'paused' else 'cancel'}")
        self.wait(job_id, status)

    def endless_job(self, dataset_id: str) -> str:
        """A job that does not end by itself."""
        return self.submit(dataset_id, ENDLESS)

    def cancel_what_is_left(self) -> None:
        """Leave the place to the next reader."""
        left = [job["id"] for job in self.ask("GET", "/jobs?limit=100")["data"] if job["status"] not in ENDED]
        for job_id in left:
            self.ask("POST", f"/jobs/{job_id}/cancel")
        for job_id in left:
            self.wait(job_id, *ENDED)


def few_digits(folder: Path) -> Path:
    """64 rows to train on and 8 others, in a folder."""
    program = ROOT / "examples" / "digits" / "dataset.py"
    subprocess.run([sys.executable, program, folder], check=True, stdout=subprocess.DEVNULL)
    for name, num_rows in (("train.jsonl", 64), ("heldout.jsonl", 8)):
        rows = (folder / name).read_text().splitlines(keepends=True)[:num_rows]
        (folder / name).write_text("".join(rows))
    return folder
