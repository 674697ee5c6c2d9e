"""/workers."""

from fastapi.testclient import TestClient

from store import workers
from store.database import Database
from store.tables import Gpu


def test_workers_are_told_with_what_they_have(client: TestClient, database: Database) -> None:
    gpu = Gpu(uuid="GPU-1", name="one", num_bytes=80)
    with database.writing() as session:
        workers.see(session, "w", num_slots=2, memory_bytes=100, gpus=[gpu])

    (worker,) = client.get("/workers").json()["data"]

    assert (worker["name"], worker["num_slots"], worker["memory_bytes"]) == ("w", 2, 100)
    assert worker["gpus"] == [{"uuid": "GPU-1", "name": "one", "num_bytes": 80}]
