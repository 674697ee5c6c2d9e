"""Whom jobs are told to, over HTTP."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update

from store.clock import from_now
from store.database import Database
from store.files import Storage
from store.tracking_tables import Tracking, TrackingStatus
from tests.unit.api.offering import offer
from tests.unit.tracked import evaluate, run_tracked, tell_steps
from tests.unit.worker.following import follow
from trainer_core.contract.integrations import TensorBoard
from trainer_core.contract.spec import JobSpec

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
TENSORBOARD = {"integrations": [{"type": "tensorboard"}]}


def submit(client: TestClient, spec: JobSpec, **asked: object) -> tuple[int, dict[str, object]]:
    answer = client.post("/jobs", json=spec.model_dump(mode="json") | asked)
    return answer.status_code, answer.json()


@ON_SQLITE
def test_a_tracker_that_is_not_offered_is_refused(client: TestClient, spec: JobSpec) -> None:
    status, problem = submit(client, spec, **TENSORBOARD)

    assert (status, problem["code"]) == (422, "integration_not_offered")
    assert problem["detail"] == "integrations name tensorboard, which this service does not offer: it offers none"


@ON_SQLITE
def test_a_tracker_that_is_offered_is_there_with_its_job(client: TestClient, app: FastAPI, spec: JobSpec) -> None:
    offer(app, integrations=("tensorboard",))

    _, job = submit(client, spec, **TENSORBOARD)

    assert client.get(f"/jobs/{job['id']}/integrations").json()["data"] == [
        {
            "target": {"type": "tensorboard"},
            "status": "following",
            "url": None,
            "error": None,
            "next_try_at": None,
            "finished_at": None,
        }
    ]


@ON_SQLITE
@pytest.mark.parametrize("repo_id", ["others/digits", "org.evil/digits"])
def test_a_push_goes_to_the_operators_namespaces_alone(
    client: TestClient, app: FastAPI, spec: JobSpec, repo_id: str
) -> None:
    offer(app, push_namespaces=("org",))

    status, problem = submit(client, spec, push_to_hub={"repo_id": repo_id})

    assert (status, problem["code"]) == (422, "push_not_offered")
    assert submit(client, spec, push_to_hub={"repo_id": "org/digits"})[0] == 201


@ON_SQLITE
@pytest.mark.parametrize("repo_id", ["org", "org/", "org/a/b", "org/../b", "/b"])
def test_a_push_names_a_repository(client: TestClient, app: FastAPI, spec: JobSpec, repo_id: str) -> None:
    offer(app, push_namespaces=("org",))

    assert submit(client, spec, push_to_hub={"repo_id": repo_id})[0] == 422


@ON_SQLITE
def test_a_merged_model_is_pushed_only_where_there_is_one(client: TestClient, app: FastAPI, spec: JobSpec) -> None:
    offer(app, push_namespaces=("org",))

    status, problem = submit(client, spec, push_to_hub={"repo_id": "org/digits", "merged": True})

    assert status == 422
    assert "no merged model" in str(problem["detail"])


@ON_SQLITE
def test_a_spec_that_names_nobody_is_the_same_as_before(client: TestClient, spec: JobSpec) -> None:
    key = {"Idempotency-Key": "k"}
    told = spec.model_dump(mode="json")
    first = client.post("/jobs", json=told, headers=key).json()["id"]

    again = {name: value for name, value in told.items() if name not in ("integrations", "push_to_hub")}

    assert client.post("/jobs", json=again, headers=key).json()["id"] == first


@ON_SQLITE
def test_a_tracker_that_was_given_up_is_asked_again_once(client: TestClient, database: Database, spec: JobSpec) -> None:
    path = f"/jobs/{run_tracked(database, spec).job_id}/integrations"
    with database.writing() as session:
        session.execute(update(Tracking).values(status=TrackingStatus.GIVEN_UP, finished_at=from_now()))

    first, second = (client.post(f"{path}/tensorboard/retry") for _ in range(2))

    assert first.status_code == 200
    assert client.get(path).json()["data"] == [first.json()]
    assert (first.json()["status"], first.json()["finished_at"]) == ("following", None)
    assert (second.status_code, second.json()["code"]) == (409, "integration_not_given_up")


@ON_SQLITE
@pytest.mark.parametrize("name", ["wandb", "nobody"])
def test_a_tracker_that_a_job_does_not_name_is_not_found(
    client: TestClient, database: Database, spec: JobSpec, name: str
) -> None:
    answer = client.post(f"/jobs/{run_tracked(database, spec).job_id}/integrations/{name}/retry")

    assert (answer.status_code, answer.json()["code"]) == (404, "integration_not_found")


@ON_SQLITE
def test_no_tracker_is_asked_again_of_a_job_that_is_not_there(client: TestClient) -> None:
    answer = client.post("/jobs/ftjob-x/integrations/wandb/retry")

    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


@ON_SQLITE
def test_the_event_file_is_downloaded(client: TestClient, database: Database, storage: Storage, spec: JobSpec) -> None:
    lease = run_tracked(database, spec, TensorBoard())
    path = f"/jobs/{lease.job_id}/tensorboard"
    assert client.get(path).status_code == 404
    tell_steps(database, lease, [1])
    evaluate(database, lease, 1)
    follow(database, storage)

    answer = client.get(path)

    assert answer.content == Path(storage.event_file("proj_default", lease.job_id)).read_bytes()
    assert f"events.out.tfevents.{lease.job_id}" in answer.headers["content-disposition"]
