"""A bucket under a real trainer."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from store import events
from store.database import Database
from store.files import Storage
from store.remote import StorageUnavailable
from tests.unit.kinds import ON_A_BUCKET
from tests.unit.queued import pass_inspection
from tests.unit.worker.saving import Refusing
from tests.unit.worker.test_bucket import claim
from worker.runner import Runner
from worker.settings import WorkerSettings

pytestmark = [ON_A_BUCKET, pytest.mark.long]


def test_a_real_trainer_trains_on_a_bucket_and_goes_on_on_another_host(
    service: TestClient,
    settings: WorkerSettings,
    database: Database,
    storage: Storage,
    storage_root: str,
    starter_dir: Path,
    shades_file: Path,
    tmp_path: Path,
    refuse: Refusing,
) -> None:
    storage.publish(starter_dir, storage.root / "models" / "real")
    dataset = service.post("/datasets", content=shades_file.read_bytes()).json()
    spec = {
        "base_model": "real",
        "train_dataset": dataset["id"],
        "eval_dataset": {"fraction": 0.25},
        "hyperparameters": {"num_epochs": 3, "batch_size": 3},
        "export": {"state": "best"},
    }
    job_id = service.post("/jobs", json=spec).json()["id"]
    with database.writing() as session:
        pass_inspection(session)
    refuse("artifact", StorageUnavailable("no answer"), 3)

    Runner(settings, database, storage, claim(database)).run()
    Runner(settings, database, Storage(storage_root, tmp_path / "other"), claim(database)).run()

    with database.reading() as session:
        told = events.after(session, job_id, 0, 200)
    assert [event.data["first_step"] for event in told if event.type == "run_started"] == [0, 9]
    assert service.get(f"/jobs/{job_id}/archive").status_code == 200
