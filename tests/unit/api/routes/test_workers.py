"""/workers."""

import pytest
from fastapi.testclient import TestClient

from store import drains, jobs, leases, workers
from store.database import Database
from store.leases import Lease
from store.tables import Gpu
from tests.unit.hooked import add_project
from tests.unit.queued import claim_submitted
from trainer_core.contract.spec import JobSpec


def test_workers_are_told_with_what_they_have(client: TestClient, database: Database) -> None:
    gpu = Gpu(uuid="GPU-1", name="one", num_bytes=80)
    with database.writing() as session:
        workers.see(session, "w", num_slots=2, memory_bytes=100, gpus=[gpu])

    (worker,) = client.get("/workers").json()["data"]

    assert (worker["name"], worker["num_slots"], worker["memory_bytes"]) == ("w", 2, 100)
    assert worker["gpus"] == [{"uuid": "GPU-1", "name": "one", "num_bytes": 80}]


@pytest.mark.parametrize("asked", ["w", drains.EVERY_WORKER])
def test_a_worker_tells_since_when_it_takes_nothing_new(client: TestClient, database: Database, asked: str) -> None:
    with database.writing() as session:
        workers.see(session, "w", num_slots=1, memory_bytes=100, gpus=[])
    (before,) = client.get("/workers").json()["data"]
    client.put(f"/drains/{asked}")

    (worker,) = client.get("/workers").json()["data"]

    assert before["draining_since"] is None
    assert worker["draining_since"] == client.get("/drains").json()["data"][0]["asked_at"]


def test_a_worker_tells_what_runs_on_which_slot(client: TestClient, database: Database, lease: Lease) -> None:
    with database.writing() as session:
        workers.see(session, "w", num_slots=2, memory_bytes=100, gpus=[])
        leases.occupy(session, lease, ["cpu-0"])

    (worker,) = client.get("/workers").json()["data"]

    [running] = worker["running"]
    assert (running["job_id"], running["slots"]) == (lease.job_id, ["cpu-0"])


def test_of_another_projects_job_it_is_told_only_that_it_runs(
    client: TestClient, database: Database, spec: JobSpec
) -> None:
    theirs = claim_submitted(database, spec)
    other = add_project(database)
    with database.writing() as session:
        workers.see(session, "w", num_slots=2, memory_bytes=100, gpus=[])
        jobs.get(session, theirs.job_id).project_id = other

    (worker,) = client.get("/workers").json()["data"]

    assert [one["job_id"] for one in worker["running"]] == [None]
