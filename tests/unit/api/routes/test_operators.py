"""Keys, projects and usage over HTTP."""

import pytest
from fastapi.testclient import TestClient

from store import keys
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.scopes import Scope
from tests.unit.bearing import bearer
from trainer_core.contract.spec import JobSpec

ROW = '{"messages": [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": "7"}]}\n'


def make_key(client: TestClient, **asked: object) -> dict[str, str]:
    answer = client.post("/keys", json={"name": "k", **asked})
    assert answer.status_code == 201
    made: dict[str, str] = answer.json()
    return made


def test_a_new_key_opens_its_project(client: TestClient) -> None:
    project = client.post("/projects", json={"name": "vision"}).json()

    made = make_key(client, project_id=project["id"])

    usage = client.get("/usage", headers=bearer(made["key"])).json()
    assert usage["project"]["id"] == project["id"]


def test_keys_are_listed_without_their_secrets(client: TestClient) -> None:
    made = make_key(client, scope="read", expires_in_seconds=60)

    listed = client.get("/keys")
    assert made["key"].split("_", 2)[2] not in listed.text
    assert [key["name"] for key in listed.json()["data"]] == ["tests", "k"]


def test_a_revoked_key_opens_nothing(client: TestClient) -> None:
    made = make_key(client)

    assert client.delete(f"/keys/{made['id']}").json()["revoked_at"] is not None
    assert client.get("/jobs", headers=bearer(made["key"])).status_code == 401
    assert client.delete("/keys/none").json()["code"] == "key_not_found"


@pytest.mark.parametrize("path", ["/keys", "/projects", "/projects/proj_default"])
def test_operators_pages_are_for_operators(client: TestClient, database: Database, path: str) -> None:
    with database.writing() as session:
        _, key = keys.create(session, project_id=DEFAULT_PROJECT, name="k", scope=Scope.SUBMIT)

    answer = client.get(path, headers=bearer(key))

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_too_small")


@pytest.mark.parametrize("limit", [False, "1", 1.5])
def test_a_limit_is_a_number(client: TestClient, limit: object) -> None:
    answer = client.patch("/projects/proj_default", json={"max_upload_bytes": limit})

    assert (answer.status_code, answer.json()["errors"][0]["location"]) == (422, "max_upload_bytes")


def test_a_change_leaves_out_what_it_does_not_name(client: TestClient) -> None:
    made = client.post("/projects", json={"name": "a", "max_queued_jobs": 3, "max_gpu_hours": 1.5}).json()

    changed = client.patch(f"/projects/{made['id']}", json={"max_queued_jobs": None, "share": 2}).json()

    assert changed == made | {"max_queued_jobs": None, "share": 2}


def test_a_key_of_an_unknown_project_is_refused(client: TestClient) -> None:
    answer = client.post("/keys", json={"name": "k", "project_id": "proj_no"})

    assert (answer.status_code, answer.json()["code"]) == (404, "project_not_found")


def test_a_submission_over_the_quota_is_told_and_not_to_be_repeated(client: TestClient, spec: JobSpec) -> None:
    client.patch(f"/projects/{DEFAULT_PROJECT}", json={"max_queued_jobs": 0})

    answer = client.post("/jobs", json=spec.model_dump(mode="json"))

    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    assert answer.headers["x-should-retry"] == "false"


def test_a_file_larger_than_the_project_may_upload_is_refused(client: TestClient) -> None:
    client.patch(f"/projects/{DEFAULT_PROJECT}", json={"max_upload_bytes": 10})

    answer = client.post("/datasets", content=ROW, params={"filename": "train.jsonl"})

    assert (answer.status_code, answer.json()["code"]) == (413, "dataset_too_large")
