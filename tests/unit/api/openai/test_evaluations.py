"""What an evaluation measured, as OpenAI's clients read it."""

import pytest
from fastapi.testclient import TestClient

from store import results
from store.database import Database
from store.leases import Lease
from trainer_core.contract.events import CheckpointSaved, EvaluationCompleted
from worker.recorder import Recorder

EVALUATION = EvaluationCompleted(
    step=4, epoch=1.0, loss=0.5, num_rows=2, seconds=1.0, scores={"token_accuracy": 0.75}, is_best=True
)
CHECKPOINT = CheckpointSaved(
    step=4,
    epoch=1.0,
    path="checkpoints/step-4",
    num_bytes=1,
    manifest_sha256="0" * 64,
    metrics={"eval_loss": 0.5, "eval_token_accuracy": 0.75},
)

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def job_url(database: Database, lease: Lease) -> str:
    """Of a job that has been evaluated and saved."""
    recorder = Recorder(database, lease, 90)
    for event in (EVALUATION, CHECKPOINT):
        recorder.take(event)
    recorder.flush()
    return f"/v1/fine_tuning/jobs/{lease.job_id}"


@pytest.mark.parametrize("name", ["valid_mean_token_accuracy", "full_valid_mean_token_accuracy"])
def test_an_event_tells_the_token_accuracy(client: TestClient, job_url: str, name: str) -> None:
    [told] = [one["data"] for one in client.get(f"{job_url}/events").json()["data"] if one["type"] == "metrics"]

    assert (told["step"], told["valid_loss"], told[name]) == (4, 0.5, 0.75)


def test_so_does_a_checkpoint(client: TestClient, job_url: str) -> None:
    [checkpoint] = client.get(f"{job_url}/checkpoints").json()["data"]

    assert checkpoint["metrics"]["full_valid_mean_token_accuracy"] == 0.75


@pytest.mark.usefixtures("job_url")
def test_so_does_the_file_of_results(database: Database, lease: Lease) -> None:
    with database.reading() as session:
        written = results.metrics_csv(session, lease.job_id).decode()

    assert written.splitlines()[1] == "4,,,0.5,0.75"
