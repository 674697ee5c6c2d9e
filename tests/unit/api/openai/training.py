"""Files to train on and jobs on them, as OpenAI's clients make them; and a worker's part, straight in the database."""

from pathlib import PurePosixPath
from typing import Any

from fastapi.testclient import TestClient

from store import artifacts, checkpoints, events, jobs, leases, metrics, results
from store.database import Database
from store.leases import Lease
from store.series import Point
from tests.unit.api.openai.rows import rows
from tests.unit.queued import pass_inspection
from trainer_core.contract.events import CheckpointSaved
from trainer_core.contract.manifest import Manifest, ManifestFile

JOBS = "/v1/fine_tuning/jobs"
ADAPTER = Manifest(files=(ManifestFile(path="adapter.safetensors", num_bytes=3, sha256="1" * 64),))


def upload(client: TestClient, number: int = 10) -> str:
    """Upload so many rows; the file's id."""
    return upload_bytes(client, rows(number))


def upload_bytes(client: TestClient, content: bytes) -> str:
    """Upload a file to train on; its id."""
    form = {"purpose": "fine-tune"}
    answer = client.post("/v1/files", data=form, files={"file": ("train.jsonl", content)})
    found: str = answer.json()["id"]
    return found


def create(client: TestClient, **more: Any) -> dict[str, Any]:
    """Create a job, on ten rows unless told otherwise."""
    body = {"model": "starter"} | more
    if "training_file" not in body:
        body["training_file"] = upload(client)
    answer = client.post(JOBS, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def read(client: TestClient, job_id: str) -> dict[str, Any]:
    """A job."""
    found: dict[str, Any] = client.get(f"{JOBS}/{job_id}").json()
    return found


def start(database: Database) -> Lease:
    """Look at the job that was created, and claim it."""
    with database.writing() as session:
        pass_inspection(session)
    with database.writing() as session:
        lease = leases.claim(session, worker="w", seconds=90)
    assert lease is not None
    return lease


def step(database: Database, lease: Lease, number: int, loss: float) -> None:
    """Take a step."""
    with database.writing() as session:
        metrics.record(session, lease, [Point("loss", number, loss)])


def evaluate(database: Database, lease: Lease, number: int, loss: float) -> None:
    """Evaluate after a step."""
    with database.writing() as session:
        metrics.record(session, lease, [Point("eval_loss", number, loss)])
        told = {"step": number, "loss": loss}
        events.record(session, lease.job_id, lease.attempt, "evaluation_completed", "Evaluated", told)


def save(database: Database, lease: Lease, number: int, **found: float) -> None:
    """Keep a checkpoint of a step."""
    with database.writing() as session:
        saved = CheckpointSaved(
            step=number, epoch=1.0, path=f"step-{number}", num_bytes=7, manifest_sha256="0", metrics=found
        )
        checkpoints.record(session, lease, saved)


def succeed(database: Database, lease: Lease) -> None:
    """Leave an adapter."""
    with database.writing() as session:
        artifacts.record(session, lease, "artifact", ADAPTER)
        place = PurePosixPath("runs", lease.job_id, str(lease.attempt), "artifact")
        results.record(session, jobs.get(session, lease.job_id), place, ADAPTER)
        leases.succeed(session, lease)
