"""/v1/models and permissions of trained models."""

from pathlib import Path, PurePosixPath

import pytest
from fastapi.testclient import TestClient

from store import artifacts, jobs, keys, leases, projects, results
from store.database import Database
from store.files import Storage
from store.scopes import Scope
from store.trained_models import ModelName
from tests.unit.bearing import bearer
from tests.unit.kinds import EVERY_KIND
from tests.unit.queued import claim_submitted
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.spec import JobSpec

FILES = {"model.safetensors": b"weights", "config.json": b"{}"}


@pytest.fixture
def model(client: TestClient, database: Database, storage: Storage, spec: JobSpec, tmp_path: Path) -> str:
    """Name of what a job has left."""
    assert client
    lease = claim_submitted(database, spec.model_copy(update={"suffix": "digits"}))
    draft = tmp_path / "artifact"
    draft.mkdir()
    for name, content in FILES.items():
        (draft / name).write_bytes(content)
    manifest = Manifest.of(draft)
    manifest.save(draft)
    place = storage.run_dir(lease.job_id, lease.attempt) / "artifact"
    place.parent.mkdir(parents=True)
    storage.publish(draft, place)
    with database.writing() as session:
        artifacts.record(session, lease, "artifact", manifest)
        relative = PurePosixPath(place.relative_to(storage.root).as_posix())
        results.record(session, jobs.get(session, lease.job_id), relative, manifest)
        leases.succeed(session, lease)
        return str(ModelName.of(jobs.get(session, lease.job_id)))


@pytest.fixture
def stranger(database: Database) -> tuple[str, dict[str, str]]:
    """Another project, and the headers with its key."""
    with database.writing() as session:
        project_id = projects.add(session, "strangers").id
        _, key = keys.create(session, project_id=project_id, name="k", scope=Scope.SUBMIT)
    return project_id, bearer(key)


def test_base_models_and_trained_ones_are_listed(client: TestClient, model: str) -> None:
    found = {one["id"]: one["owned_by"] for one in client.get("/v1/models").json()["data"]}

    assert found == {"starter": "operator", model: "proj_default"}


def test_a_trained_model_says_what_it_was_trained_from(client: TestClient, model: str) -> None:
    found = client.get(f"/v1/models/{model}").json()

    assert (found["id"], found["parent"]) == (model, "starter")


def test_an_id_with_a_slash_is_found_encoded_or_not(client: TestClient) -> None:
    assert [client.get(f"/v1/models/org{slash}name").json()["id"] for slash in ("/", "%2F")] == ["org/name"] * 2


def test_what_a_job_has_left_is_listed_as_files(client: TestClient, model: str) -> None:
    job = client.get(f"/v1/fine_tuning/jobs/ftjob-{model.rpartition(':')[2]}").json()

    contents = {
        client.get(f"/v1/files/{file}").json()["filename"]: client.get(f"/v1/files/{file}/content").content
        for file in [*job["result_files"], *job["output_files"]]
    }
    header = b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n"
    assert contents == FILES | {"step_metrics.csv": header}
    assert job["fine_tuned_model"] == model


@EVERY_KIND
def test_a_deleted_model_is_gone_with_its_files(client: TestClient, model: str, storage: Storage) -> None:
    assert client.delete(f"/v1/models/{model}").json() == {"id": model, "object": "model", "deleted": True}

    assert client.get(f"/v1/models/{model}").status_code == 404
    assert client.get("/v1/files", params={"purpose": "fine-tune-results"}).json()["data"][0]["bytes"] > 0
    assert storage.files(storage.root / "jobs") == []


def test_a_base_model_is_not_ones_own_to_delete(client: TestClient) -> None:
    answer = client.delete("/v1/models/starter")

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "model_not_deletable")


def test_a_shared_model_may_be_used_and_nothing_else(
    client: TestClient, model: str, stranger: tuple[str, dict[str, str]]
) -> None:
    project_id, theirs = stranger
    path = f"/v1/fine_tuning/checkpoints/{model}/permissions"
    before = client.get(f"/v1/models/{model}", headers=theirs).status_code

    made = client.post(path, json={"project_ids": [project_id]}).json()["data"]

    assert before == 404
    assert [one["project_id"] for one in made] == [project_id]
    assert client.get(f"/v1/models/{model}", headers=theirs).status_code == 200
    job = f"ftjob-{model.rpartition(':')[2]}"
    assert client.get(f"/v1/fine_tuning/jobs/{job}", headers=theirs).status_code == 404
    assert client.delete(f"/v1/models/{model}", headers=theirs).status_code == 404
    assert client.post(path, json={"project_ids": [project_id]}, headers=theirs).status_code == 404


def test_a_permission_can_be_taken_back(client: TestClient, model: str, stranger: tuple[str, dict[str, str]]) -> None:
    project_id, theirs = stranger
    path = f"/v1/fine_tuning/checkpoints/{model}/permissions"
    first, again = (client.post(path, json={"project_ids": [project_id]}).json()["data"] for _ in range(2))

    assert first == again == client.get(path).json()["data"]
    assert client.delete(f"{path}/{first[0]['id']}").json()["deleted"]
    assert client.get(f"/v1/models/{model}", headers=theirs).status_code == 404
    assert client.delete(f"{path}/{first[0]['id']}").json()["error"]["code"] == "permission_not_found"


def test_nothing_is_shared_with_a_project_that_is_not_there(client: TestClient, model: str) -> None:
    answer = client.post(f"/v1/fine_tuning/checkpoints/{model}/permissions", json={"project_ids": ["proj_no"]})

    assert answer.json()["error"]["code"] == "project_not_found"
