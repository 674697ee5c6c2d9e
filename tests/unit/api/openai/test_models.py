"""/v1/models and permissions: what is there to train on, whose it is, and who else may use it."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from store import keys, projects
from store.database import Database
from store.scopes import Scope
from tests.unit.api.openai.rows import rows
from tests.unit.api.openai.training import JOBS, create, read, save, start, succeed
from tests.unit.bearing import bearer
from tests.unit.kinds import EVERY_KIND


@pytest.fixture
def model(client: TestClient, database: Database) -> str:
    """A trained model with a checkpoint of step 2."""
    job_id = create(client, suffix="m")["id"]
    lease = start(database)
    save(database, lease, 2)
    succeed(database, lease)
    found: str = read(client, job_id)["fine_tuned_model"]
    return found


@pytest.fixture
def stranger(database: Database) -> str:
    """Id of another project."""
    with database.writing() as session:
        return projects.add(session, "strangers").id


@pytest.fixture
def theirs(database: Database, stranger: str) -> dict[str, str]:
    """The headers of a key of that project."""
    with database.writing() as session:
        return bearer(keys.create(session, project_id=stranger, name="k", scope=Scope.SUBMIT)[1])


def permissions(model: str) -> str:
    return f"/v1/fine_tuning/checkpoints/{model}/permissions"


def share(client: TestClient, model: str, *project_ids: str) -> Any:
    return client.post(permissions(model), json={"project_ids": list(project_ids)}).json()


def train_on(client: TestClient, model: str, headers: dict[str, str]) -> int:
    """Whether another project may: the status of its creation of a job."""
    form, content = {"purpose": "fine-tune"}, {"file": ("train.jsonl", rows(10))}
    file_id = client.post("/v1/files", data=form, files=content, headers=headers).json()["id"]
    return client.post(JOBS, json={"model": model, "training_file": file_id}, headers=headers).status_code


@EVERY_KIND
def test_base_models_and_trained_ones_are_listed(client: TestClient, model: str) -> None:
    found = client.get("/v1/models").json()["data"]

    assert [(one["id"], one["owned_by"]) for one in found] == [("starter", "operator"), (model, "proj_default")]


@pytest.mark.parametrize("behind", ["", ":ckpt-step-2"])
def test_a_model_is_read_by_its_name_however_it_is_encoded(client: TestClient, model: str, behind: str) -> None:
    name = f"{model}{behind}"

    for path in (name, name.replace(":", "%3A")):
        assert client.get(f"/v1/models/{path}").json()["id"] == name


def test_a_model_that_nobody_knows_is_not_found(client: TestClient) -> None:
    answer = client.get("/v1/models/unheard-of")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


def test_a_model_of_the_hub_is_read_though_its_name_has_a_slash(client: TestClient) -> None:
    for path in ("some/model", "some%2Fmodel"):
        assert client.get(f"/v1/models/{path}").json()["id"] == "some/model"


@EVERY_KIND
def test_a_deleted_model_is_gone_and_its_job_and_checkpoints_are_not(client: TestClient, model: str) -> None:
    job_id = client.get(f"/v1/models/{model}").json()["fine_tuning_job_id"]

    assert client.delete(f"/v1/models/{model}").json() == {"id": model, "object": "model", "deleted": True}

    paths = (f"/v1/models/{model}", f"/v1/models/{model}:ckpt-step-2", f"{JOBS}/{job_id}")
    assert [client.get(path).status_code for path in paths] == [404, 200, 200]
    assert read(client, job_id)["output_files"] == []


@pytest.mark.parametrize(("name", "status"), [("starter", 403), ("unheard-of", 404)])
def test_a_base_model_is_not_deleted(client: TestClient, name: str, status: int) -> None:
    assert client.delete(f"/v1/models/{name}").status_code == status


def test_a_checkpoint_is_not_deleted_by_itself(client: TestClient, model: str) -> None:
    assert client.delete(f"/v1/models/{model}:ckpt-step-2").status_code == 403


def test_a_trained_model_and_its_checkpoint_can_be_trained_on(client: TestClient, model: str) -> None:
    assert create(client, model=model)["model"] == model
    assert create(client, from_checkpoint=f"{model}:ckpt-step-2")["model"] == f"{model}:ckpt-step-2"


def test_others_see_a_model_once_it_is_shared_and_no_longer(
    client: TestClient, model: str, stranger: str, theirs: dict[str, str]
) -> None:
    def reads() -> tuple[int, int]:
        return client.get(f"/v1/models/{model}", headers=theirs).status_code, train_on(client, model, theirs)

    before = reads()
    permission_id = share(client, model, stranger)["data"][0]["id"]
    shared = reads()
    deleted = client.delete(f"{permissions(model)}/{permission_id}").json()

    assert (before, shared, reads()) == ((404, 404), (200, 200), (404, 404))
    assert deleted == {"id": permission_id, "object": "checkpoint.permission", "deleted": True}


def test_whoever_may_use_a_model_may_do_nothing_else(
    client: TestClient, model: str, stranger: str, theirs: dict[str, str]
) -> None:
    job_id = client.get(f"/v1/models/{model}").json()["fine_tuning_job_id"]
    share(client, model, stranger)

    asked = {
        "its checkpoint": client.get(f"/v1/models/{model}:ckpt-step-2", headers=theirs),
        "its job": client.get(f"{JOBS}/{job_id}", headers=theirs),
        "its permissions": client.get(permissions(model), headers=theirs),
        "share it": client.post(permissions(model), json={"project_ids": [stranger]}, headers=theirs),
        "delete it": client.delete(f"/v1/models/{model}", headers=theirs),
    }

    assert {what: answer.status_code for what, answer in asked.items()} == dict.fromkeys(asked, 404)
    assert client.get("/v1/models", headers=theirs).json()["data"][-1]["id"] == "starter"


@EVERY_KIND
def test_sharing_twice_is_sharing_once(client: TestClient, model: str, stranger: str) -> None:
    first, second = (share(client, model, stranger, stranger)["data"] for _ in range(2))

    assert first == second
    assert [one["project_id"] for one in first] == [stranger]


@EVERY_KIND
@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_pages_of_permissions_join(client: TestClient, database: Database, model: str, order: str) -> None:
    with database.writing() as session:
        made = [projects.add(session, f"p{number}").id for number in range(3)]
    for project_id in made:
        share(client, model, project_id)

    first = client.get(permissions(model), params={"limit": 2, "order": order}).json()
    second = client.get(permissions(model), params={"limit": 2, "order": order, "after": first["last_id"]}).json()

    found = [one["project_id"] for page in (first, second) for one in page["data"]]
    assert found == (made if order == "ascending" else made[::-1])


def test_a_project_that_is_not_there_is_shared_with_by_nobody(client: TestClient, model: str) -> None:
    assert share(client, model, "proj_none")["error"]["code"] == "project_not_found"
    assert client.get(permissions(model)).json()["data"] == []


def test_a_permission_that_is_not_there_cannot_be_taken_back(client: TestClient, model: str) -> None:
    assert client.delete(f"{permissions(model)}/cp_none").json()["error"]["code"] == "permission_not_found"
