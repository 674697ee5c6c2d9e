"""/healthz and /readyz."""

import shutil

from fastapi.testclient import TestClient

from store import workers
from store.database import Database
from store.files import Storage


def test_a_process_that_answers_is_alive(client: TestClient) -> None:
    assert client.get("/healthz").status_code == 200


def test_a_service_with_its_parts_is_ready(client: TestClient) -> None:
    assert client.get("/readyz").json() == {"database": True, "storage": True, "num_workers": 0}


def test_workers_seen_lately_are_counted(client: TestClient, database: Database) -> None:
    with database.writing() as session:
        workers.see(session, "w", num_slots=1, memory_bytes=1, gpus=())
        workers.see(session, "w", num_slots=2, memory_bytes=1, gpus=())

    assert client.get("/readyz").json()["num_workers"] == 1


def test_a_service_without_storage_is_not_ready(client: TestClient, storage: Storage) -> None:
    shutil.rmtree(storage.root)

    assert client.get("/readyz").status_code == 503
