"""/jobs: what a client sends and what it gets."""

import hashlib
import json
import shutil
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from api.examples import SPECS
from store import checkpoints, jobs, leases
from store.database import Database
from store.file_tables import Submission
from store.files import Storage
from store.leases import Lease
from store.trained_models import ModelName
from tests.unit.queued import submit_queued
from trainer_core.contract.events import CheckpointSaved
from trainer_core.contract.spec import JobSpec


def body(spec: JobSpec, **changes: object) -> dict[str, object]:
    return spec.model_dump(mode="json") | changes


def test_a_submitted_job_is_created_where_location_says(client: TestClient, spec: JobSpec) -> None:
    created = client.post("/jobs", json=body(spec))

    assert created.status_code == 201
    assert client.get(created.headers["Location"]).json()["id"] == created.json()["id"]


def test_a_submitted_job_rings_once(client: TestClient, spec: JobSpec, doorbell: object) -> None:
    client.post("/jobs", json=body(spec))

    assert doorbell.num_rings == 1  # type: ignore[attr-defined]


def test_a_refused_job_does_not_ring(client: TestClient, spec: JobSpec, doorbell: object) -> None:
    client.post("/jobs", json=body(spec, train_dataset="file-none"))

    assert doorbell.num_rings == 0  # type: ignore[attr-defined]


def test_a_submitted_job_is_looked_at_first(client: TestClient, spec: JobSpec) -> None:
    job = client.post("/jobs", json=body(spec)).json()

    assert (job["status"], job["queue_position"], job["queued_at"]) == ("validating", None, None)


def test_a_waiting_job_tells_its_place(client: TestClient, database: Database, job_id: str, spec: JobSpec) -> None:
    with database.writing() as session:
        second = submit_queued(session, spec).id

    assert [client.get(f"/jobs/{one}").json()["queue_position"] for one in (job_id, second)] == [1, 2]


def test_a_body_sent_again_under_its_key_is_the_same_job(client: TestClient, spec: JobSpec) -> None:
    first, second = (client.post("/jobs", json=body(spec), headers={"Idempotency-Key": "k"}) for _ in range(2))

    assert (second.status_code, second.headers["Location"]) == (201, first.headers["Location"])
    assert [answer.headers.get("Idempotency-Replayed") for answer in (first, second)] == [None, "true"]
    assert len(client.get("/jobs").json()["data"]) == 1


def test_a_job_sent_again_is_told_as_it_is_now(client: TestClient, spec: JobSpec) -> None:
    first = client.post("/jobs", json=body(spec), headers={"Idempotency-Key": "k"})
    client.post(f"{first.headers['Location']}/cancel")

    assert client.post("/jobs", json=body(spec), headers={"Idempotency-Key": "k"}).json()["status"] == "cancelled"


def test_another_body_under_a_used_key_is_refused_with_what_to_do(client: TestClient, spec: JobSpec) -> None:
    job = client.post("/jobs", json=body(spec), headers={"Idempotency-Key": "k"}).json()

    problem = client.post("/jobs", json=body(spec, seed=7), headers={"Idempotency-Key": "k"}).json()

    assert (problem["status"], problem["code"]) == (409, "idempotency_key_reused")
    assert job["id"] in problem["detail"]
    assert "use a new key" in problem["detail"]


def test_what_a_body_leaves_out_may_be_written_out_when_it_is_sent_again(client: TestClient, spec: JobSpec) -> None:
    brief = {"train_dataset": spec.train_dataset, "base_model": spec.base_model}

    first, second = (client.post("/jobs", json=one, headers={"Idempotency-Key": "k"}) for one in (brief, body(spec)))

    assert second.headers["Location"] == first.headers["Location"]


def test_a_key_from_before_specs_could_say_more_still_leads_to_its_job(
    client: TestClient, database: Database, spec: JobSpec
) -> None:
    told = spec.model_dump(mode="json", exclude={"objective", "integrations", "push_to_hub"})
    before = hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    job = client.post("/jobs", json=body(spec), headers={"Idempotency-Key": "k"}).json()
    with database.writing() as session:
        session.execute(update(Submission).values(body_sha256=before))

    again = client.post("/jobs", json=body(spec), headers={"Idempotency-Key": "k"})
    other = client.post("/jobs", json=body(spec, objective={"type": "dpo"}), headers={"Idempotency-Key": "k"})

    assert (again.json()["id"], other.status_code) == (job["id"], 409)


def test_without_a_key_the_same_body_is_another_job_whatever_its_client_counts(
    client: TestClient, spec: JobSpec
) -> None:
    first = client.post("/jobs", json=body(spec)).json()

    second = client.post("/jobs", json=body(spec), headers={"x-stainless-retry-count": "1"}).json()

    assert second["id"] != first["id"]


def test_a_refused_body_leaves_its_key_free(client: TestClient, spec: JobSpec) -> None:
    client.post("/jobs", json=body(spec, train_dataset="file-none"), headers={"Idempotency-Key": "k"})

    assert client.post("/jobs", json=body(spec), headers={"Idempotency-Key": "k"}).status_code == 201


def test_a_job_sent_again_needs_its_model_no_more(client: TestClient, spec: JobSpec, storage: Storage) -> None:
    first = client.post("/jobs", json=body(spec), headers={"Idempotency-Key": "k"}).json()
    shutil.rmtree(storage.root / "models" / "starter")

    assert client.post("/jobs", json=body(spec), headers={"Idempotency-Key": "k"}).json()["id"] == first["id"]


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"tab\there", "schlüssel".encode()])
def test_a_key_that_is_none_is_named(client: TestClient, spec: JobSpec, key: bytes) -> None:
    problem = client.post("/jobs", json=body(spec), headers=[(b"Idempotency-Key", key)]).json()

    assert (problem["status"], problem["errors"][0]["location"]) == (422, "idempotency-key")


@pytest.mark.parametrize("name", list(SPECS))
def test_every_example_of_the_docs_is_a_spec(client: TestClient, spec: JobSpec, name: str) -> None:
    example = dict(SPECS[name]["value"] or {}, train_dataset=spec.train_dataset)

    assert client.post("/jobs", json=example).status_code == 201


@pytest.mark.parametrize(
    ("changes", "location"),
    [
        ({"epochs": 3}, "epochs"),
        ({"hyperparameters": {"lr": 0.1}}, "hyperparameters.lr"),
        ({"hyperparameters": {"num_epochs": "three"}}, "hyperparameters.num_epochs"),
        ({"hyperparameters": {"num_epochs": "3"}}, "hyperparameters.num_epochs"),
        ({"hyperparameters": {"learning_rate": 0}}, "hyperparameters.learning_rate"),
        ({"method": {"type": "lora", "rank": 0}}, "method.lora.rank"),
        ({"method": {"type": "full", "rank": 8}}, "method.full.rank"),
        ({"method": {"type": "prefix"}}, "method"),
        ({"seed": -1}, "seed"),
        ({"priority": 2**63}, "priority"),
        ({"version": 2}, "version"),
        ({"suffix": "../x"}, "suffix"),
        ({"suffix": "ziffern-ä"}, "suffix"),
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"metadata": {str(n): "v" for n in range(17)}}, "metadata"),
    ],
)
def test_a_wrong_value_is_named(client: TestClient, spec: JobSpec, changes: dict[str, object], location: str) -> None:
    problem = client.post("/jobs", json=body(spec, **changes)).json()

    assert (problem["status"], problem["code"]) == (422, "invalid_request")
    assert [error["location"] for error in problem["errors"]] == [location]


def test_a_number_that_is_none_is_refused(client: TestClient) -> None:
    text = '{"base_model": "starter", "train_dataset": "file-1", "hyperparameters": {"learning_rate": NaN}}'

    problem = client.post("/jobs", content=text, headers={"Content-Type": "application/json"}).json()

    assert problem["errors"][0]["location"] == "hyperparameters.learning_rate"


def test_a_body_that_is_no_json_is_told_so(client: TestClient) -> None:
    problem = client.post("/jobs", content="{", headers={"Content-Type": "application/json"}).json()

    assert (problem["status"], problem["code"]) == (422, "invalid_request")


def test_a_forgotten_content_type_is_told(client: TestClient) -> None:
    problem = client.post("/jobs", content="{}").json()

    assert "Content-Type: application/json" in problem["detail"]


def test_an_unknown_dataset_is_named(client: TestClient, spec: JobSpec) -> None:
    problem = client.post("/jobs", json=body(spec, train_dataset="file-none")).json()

    assert (problem["status"], problem["code"], "file-none" in problem["detail"]) == (422, "unknown_dataset", True)


def test_a_job_goes_on_from_a_checkpoint_of_its_project(
    client: TestClient, database: Database, spec: JobSpec, lease: Lease
) -> None:
    with database.writing() as session:
        path = "checkpoints/step-3"
        saved = CheckpointSaved(step=3, epoch=1.0, path=path, num_bytes=1, manifest_sha256="0", metrics={})
        checkpoints.record(session, lease, saved)
        name = ModelName.of(jobs.get(session, lease.job_id), 3)

    found, other = (
        client.post("/jobs", json=body(spec, base_model=str(one)))
        for one in (name, replace(name, project_id="proj_other"))
    )

    assert (found.status_code, found.json()["spec"]["base_model"]) == (201, str(name))
    assert (other.status_code, other.json()["code"]) == (422, "unknown_model")


def test_an_unknown_model_is_named_with_those_that_are_known(client: TestClient, spec: JobSpec) -> None:
    problem = client.post("/jobs", json=body(spec, base_model="startr")).json()

    assert (problem["status"], problem["code"]) == (422, "unknown_model")
    assert "'startr'" in problem["detail"]
    assert "registered: starter" in problem["detail"]


def test_a_problem_has_its_own_media_type(client: TestClient) -> None:
    assert client.get("/jobs/ftjob-none").headers["Content-Type"] == "application/problem+json"


def test_an_unknown_job_is_404(client: TestClient) -> None:
    problem = client.get("/jobs/ftjob-none").json()

    assert (problem["status"], problem["code"]) == (404, "job_not_found")


def test_pages_join_without_gap_or_repeat(client: TestClient, spec: JobSpec) -> None:
    submitted = {client.post("/jobs", json=body(spec)).json()["id"] for _ in range(3)}

    first = client.get("/jobs", params={"limit": 2}).json()
    second = client.get("/jobs", params={"limit": 2, "after": first["last_id"]}).json()

    assert (first["has_more"], second["has_more"]) == (True, False)
    assert {job["id"] for job in first["data"] + second["data"]} == submitted


def test_a_list_can_be_of_jobs_with_metadata(client: TestClient, spec: JobSpec) -> None:
    bodies = [spec.model_copy(update={"metadata": pairs}).model_dump(mode="json") for pairs in ({"run": "7"}, {})]
    tagged, plain = (client.post("/jobs", json=body).json()["id"] for body in bodies)

    listed = [
        [job["id"] for job in client.get("/jobs", params=asked).json()["data"]]
        for asked in ({"metadata[run]": "7"}, {"metadata[run]": "8"}, {"metadata": "null"})
    ]

    assert listed == [[tagged], [], [plain]]


def test_a_list_can_be_of_one_status(client: TestClient, job_id: str) -> None:
    assert [job["id"] for job in client.get("/jobs", params={"status": "queued"}).json()["data"]] == [job_id]
    assert client.get("/jobs", params={"status": "failed"}).json()["data"] == []


def test_what_has_not_changed_is_not_sent_again(client: TestClient, job_id: str) -> None:
    etag = client.get(f"/jobs/{job_id}").headers["ETag"]

    assert client.get(f"/jobs/{job_id}", headers={"If-None-Match": etag}).status_code == 304


def test_what_has_changed_is_sent_at_once(client: TestClient, job_id: str, database: Database) -> None:
    etag = client.get(f"/jobs/{job_id}").headers["ETag"]
    with database.writing() as session:
        leases.claim(session, worker="w", seconds=90)

    answer = client.get(f"/jobs/{job_id}", params={"wait": 60}, headers={"If-None-Match": etag})

    assert (answer.status_code, answer.json()["status"]) == (200, "running")


def test_waiting_for_an_ended_job_ends_at_once(client: TestClient, job_id: str) -> None:
    client.post(f"/jobs/{job_id}/cancel")

    assert client.get(f"/jobs/{job_id}", params={"wait": 60}).json()["status"] == "cancelled"


def test_waiting_in_vain_answers_with_what_there_is(client: TestClient, job_id: str) -> None:
    assert client.get(f"/jobs/{job_id}", params={"wait": 0.1}).json()["status"] == "queued"


def test_a_waiting_job_is_cancelled_at_once(client: TestClient, job_id: str) -> None:
    assert client.post(f"/jobs/{job_id}/cancel").json()["status"] == "cancelled"


def test_a_running_job_is_asked_to_end(client: TestClient, lease: Lease) -> None:
    job = client.post(f"/jobs/{lease.job_id}/cancel").json()

    assert (job["status"], job["cancel_requested_at"] is not None) == ("running", True)


def test_an_ended_job_cannot_be_cancelled(client: TestClient, lease: Lease, database: Database) -> None:
    with database.writing() as session:
        leases.succeed(session, lease)

    problem = client.post(f"/jobs/{lease.job_id}/cancel").json()

    assert (problem["status"], problem["code"]) == (409, "job_already_ended")


def test_a_job_is_paused_and_resumed(client: TestClient, job_id: str) -> None:
    assert client.post(f"/jobs/{job_id}/pause").json()["status"] == "paused"
    assert client.post(f"/jobs/{job_id}/resume").json()["status"] == "queued"


def test_a_cancelled_job_is_retried(client: TestClient, job_id: str) -> None:
    client.post(f"/jobs/{job_id}/cancel")

    assert client.post(f"/jobs/{job_id}/retry").json()["status"] == "queued"


def test_a_running_job_is_asked_to_stop_and_save(client: TestClient, lease: Lease) -> None:
    assert client.post(f"/jobs/{lease.job_id}/stop-and-save").json()["finish_requested_at"] is not None


@pytest.mark.parametrize(
    ("verb", "code"),
    [("resume", "job_not_paused"), ("retry", "job_not_retriable"), ("stop-and-save", "nothing_to_save")],
)
def test_what_cannot_be_asked_of_a_waiting_job(client: TestClient, job_id: str, verb: str, code: str) -> None:
    problem = client.post(f"/jobs/{job_id}/{verb}").json()

    assert (problem["status"], problem["code"]) == (409, code)


def test_an_ended_job_cannot_be_paused(client: TestClient, job_id: str) -> None:
    client.post(f"/jobs/{job_id}/cancel")

    problem = client.post(f"/jobs/{job_id}/pause").json()

    assert (problem["status"], problem["code"]) == (409, "job_not_pausable")


def test_nothing_secret_is_in_a_job(client: TestClient, lease: Lease) -> None:
    assert lease.owner_token not in client.get(f"/jobs/{lease.job_id}").text
