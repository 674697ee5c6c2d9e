"""/jobs as a list that somebody watches: filtered, counted, and sent only when it has changed."""

import pytest
from fastapi.testclient import TestClient

from store import inspections, leases, workers
from store.database import Database
from store.leases import Lease
from store.progress import Progress
from tests.unit.queued import ESTIMATE, claim_submitted, pass_inspection, submit_queued
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import JobSpec

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PROGRESS = Progress(
    step=1, total_steps=2, epoch=0.5, loss=1.0, learning_rate=0.1, elapsed_seconds=60.0, remaining_seconds=600.0
)


def ids(client: TestClient, **asked: object) -> list[str]:
    answer = client.get("/jobs", params=asked)  # type: ignore[arg-type]
    return [job["id"] for job in answer.json()["data"]]


@pytest.fixture
def cancelled(client: TestClient, database: Database, spec: JobSpec) -> str:
    with database.writing() as session:
        job_id = submit_queued(session, spec).id
    client.post(f"/jobs/{job_id}/cancel").raise_for_status()
    return job_id


@pytest.fixture
def running(database: Database, spec: JobSpec, cancelled: str) -> Lease:  # noqa: ARG001 - before this one
    return claim_submitted(database, spec)


@pytest.fixture
def queued(database: Database, spec: JobSpec, running: Lease) -> str:  # noqa: ARG001 - before this one
    with database.writing() as session:
        inspections.submit(session, spec)
        pass_inspection(session, JobReport(is_valid=True, estimate=ESTIMATE))
        return submit_queued(session, spec).id


def test_several_statuses_can_be_asked_for_at_once(
    client: TestClient, cancelled: str, running: Lease, queued: str
) -> None:
    assert ids(client, status=["cancelled", "running"]) == [running.job_id, cancelled]
    assert ids(client, status=["queued", "cancelled"], limit=1) == [queued]
    assert ids(client, status=["queued", "cancelled"], after=queued)[-1] == cancelled


@pytest.mark.parametrize("text", ["INVOICE", "starter", "nv%20"])
def test_jobs_are_found_by_what_they_are_called(
    client: TestClient, database: Database, spec: JobSpec, text: str
) -> None:
    with database.writing() as session:
        named = submit_queued(session, spec.model_copy(update={"suffix": "invoices"})).id

    assert ids(client, search=text) == ([named] if text != "nv%20" else [])


def test_a_search_takes_no_sign_for_another(client: TestClient, job_id: str) -> None:
    assert ids(client, search="%") == ids(client, search="_") == []
    assert ids(client, search=job_id[-6:].upper()) == [job_id]


def test_jobs_are_counted_by_status(client: TestClient, queued: str) -> None:
    assert queued
    assert client.get("/jobs/counts").json() == {
        "validating": 0,
        "queued": 2,
        "running": 1,
        "paused": 0,
        "succeeded": 0,
        "failed": 0,
        "cancelled": 1,
    }


def test_a_list_that_has_not_changed_is_not_sent_again(client: TestClient, cancelled: str, job_id: str) -> None:
    etag = client.get("/jobs").headers["ETag"]

    again = client.get("/jobs", headers={"If-None-Match": etag})
    client.post(f"/jobs/{job_id}/cancel")
    changed = client.get("/jobs", headers={"If-None-Match": etag})

    assert (again.status_code, again.content, changed.status_code) == (304, b"", 200)
    assert [job["id"] for job in changed.json()["data"]] == [job_id, cancelled]


def test_a_running_job_tells_who_runs_it_and_when_it_is_expected_to_end(
    client: TestClient, database: Database, running: Lease
) -> None:
    with database.writing() as session:
        leases.write(session, running, progress=PROGRESS)

    told = [client.get(f"/jobs/{running.job_id}").json(), client.get("/jobs").json()["data"][0]]

    assert [job["worker"] for job in told] == ["w", "w"]
    assert all(job["expected_end_at"] > job["started_at"] for job in told)
    assert [job["expected_start_at"] for job in told] == [None, None]


def test_a_waiting_job_tells_when_it_is_expected_to_begin(
    client: TestClient, database: Database, running: Lease, queued: str
) -> None:
    with database.writing() as session:
        workers.see(session, "w", num_slots=2, memory_bytes=1, gpus=())
        leases.write(session, running, progress=PROGRESS)
    first = ids(client, status="queued")[-1]

    told = {job["id"]: job["expected_start_at"] for job in client.get("/jobs").json()["data"]}

    assert told[first] is not None
    assert told[queued] is None  # how long the first one takes is not known


def test_that_time_passes_is_no_change_of_a_job(client: TestClient, database: Database, running: Lease) -> None:
    with database.writing() as session:
        leases.write(session, running, progress=PROGRESS)
    first = client.get(f"/jobs/{running.job_id}")

    again = client.get(f"/jobs/{running.job_id}", headers={"If-None-Match": first.headers["ETag"]})

    assert again.status_code == 304
