"""Every list of /v1 goes on behind an id of its own, and refuses any other."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from store import checkpoints, jobs
from store.database import Database
from store.leases import Lease
from store.trained_models import ModelName
from tests.unit.hooked import add_endpoint
from trainer_core.contract.events import CheckpointSaved

# What handlers ask of the store is tested with every database there.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
STEPS = (1, 2, 3)


@pytest.fixture
def model(database: Database, lease: Lease) -> str:
    """The newest of a job's three checkpoints."""
    with database.writing() as session:
        for step in STEPS:
            saved = CheckpointSaved(step=step, epoch=1.0, path="p", num_bytes=1, manifest_sha256="0", metrics={})
            checkpoints.record(session, lease, saved)
        return str(ModelName.of(jobs.get(session, lease.job_id), STEPS[-1]))


@pytest.fixture
def paths(database: Database, lease: Lease, model: str) -> list[str]:
    """Of all lists."""
    endpoint_id = add_endpoint(database).id
    return [
        "/v1/files",
        "/v1/fine_tuning/jobs",
        f"/v1/fine_tuning/jobs/{lease.job_id}/events",
        f"/v1/fine_tuning/jobs/{lease.job_id}/checkpoints",
        f"/v1/fine_tuning/checkpoints/{model}/permissions",
        "/v1/webhook_endpoints",
        f"/v1/webhook_endpoints/{endpoint_id}/deliveries",
    ]


def whole(client: TestClient, path: str) -> list[dict[str, Any]]:
    """A list, read one by one."""
    found: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        page = client.get(path, params={"limit": 1, **more}).json()
        found += page["data"]
        if not page["has_more"]:
            return found
        more = {"after": page["last_id"]}


@pytest.mark.parametrize(
    "after", ["", "nothing", "file-none", "file-" + "0" * 27, "upload_" + "0" * 26, "ftckpt_x-1-1"]
)
def test_what_is_no_id_of_a_list_is_refused_by_all(client: TestClient, paths: list[str], after: str) -> None:
    answers = [client.get(path, params={"after": after}) for path in paths]

    errors = [answer.json()["error"] for answer in answers]
    told = {(answer.status_code, error["param"], error["code"]) for answer, error in zip(answers, errors, strict=True)}
    assert told == {(400, "after", "invalid_value")}


def test_checkpoints_are_told_newest_first_page_by_page(client: TestClient, lease: Lease, model: str) -> None:
    found = whole(client, f"/v1/fine_tuning/jobs/{lease.job_id}/checkpoints")

    assert found[0]["fine_tuned_model_checkpoint"] == model
    assert [one["step_number"] for one in found] == [3, 2, 1]


def test_files_may_be_deleted_while_they_are_listed(client: TestClient) -> None:
    purpose, file = {"purpose": "user_data"}, {"file": ("a", b"a")}
    made = [client.post("/v1/files", data=purpose, files=file).json()["id"] for _ in range(3)]
    page = client.get("/v1/files", params={"limit": 2}).json()

    for one in page["data"]:
        client.delete(f"/v1/files/{one['id']}")
    rest = client.get("/v1/files", params={"limit": 2, "after": page["last_id"]}).json()

    assert [one["id"] for one in rest["data"]] == made[:1]
