"""/v1/fine_tuning/jobs: OpenAI's view of the rows that /jobs has."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event

from store import inspections, jobs, leases, projects, trackings
from store.database import Database
from tests.unit.api.offering import offer
from tests.unit.api.openai.fine_tuning import body, created, refusal, uploaded
from tests.unit.api.openai.rows import rows
from tests.unit.queued import pass_inspection, submit_queued
from tests.unit.told import tell_step
from trainer_core.contract.integrations import Wandb
from trainer_core.contract.spec import JobSpec

JOBS = "/v1/fine_tuning/jobs"
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def queue(database: Database) -> None:
    with database.writing() as session:
        pass_inspection(session)


@pytest.fixture
def job(client: TestClient) -> dict[str, Any]:
    return created(client)


@pytest.fixture
def running(client: TestClient, database: Database, job: dict[str, Any]) -> leases.Lease:
    """The lease of a job that runs."""
    assert client
    with database.writing() as session:
        pass_inspection(session)
        lease = leases.claim(session, worker="w", seconds=90)
    assert lease is not None
    assert lease.job_id == job["id"]
    return lease


def test_a_job_is_the_same_in_both_views(client: TestClient, job: dict[str, Any]) -> None:
    ours = client.get(f"/jobs/{job['id']}").json()

    assert (job["object"], job["status"]) == ("fine_tuning.job", "validating_files")
    assert ours["spec"]["train_dataset"] == job["training_file"]
    assert client.get(f"{JOBS}/{job['id']}").json() == job


def test_auto_is_settled_and_shown(job: dict[str, Any]) -> None:
    shown = {name: job["hyperparameters"][name] for name in ("n_epochs", "batch_size", "learning_rate_multiplier")}

    assert shown == {"n_epochs": 10, "batch_size": 4, "learning_rate_multiplier": 1.0}
    assert job["method"]["supervised"]["hyperparameters"] == job["hyperparameters"]
    assert isinstance(job["seed"], int)


@ON_SQLITE
@pytest.mark.parametrize(
    "asked",
    [
        {"hyperparameters": {"n_epochs": 2, "batch_size": 16, "learning_rate_multiplier": 2}},
        {
            "method": {
                "type": "supervised",
                "supervised": {"hyperparameters": {"n_epochs": 2, "batch_size": 16, "learning_rate_multiplier": 2}},
            }
        },
    ],
    ids=["as it was", "by method"],
)
def test_numbers_become_those_of_the_spec(client: TestClient, asked: dict[str, Any]) -> None:
    job = created(client, **asked)

    walk = client.get(f"/jobs/{job['id']}").json()["spec"]["hyperparameters"]
    assert walk["batch_size"] * walk["gradient_accumulation_steps"] == 16
    assert (walk["num_epochs"], walk["learning_rate"]) == (2, 2e-4)
    assert job["hyperparameters"]["batch_size"] == 16


@ON_SQLITE
def test_extras_may_stand_in_the_body_or_among_the_hyperparameters(client: TestClient) -> None:
    method = {"type": "supervised", "supervised": {"hyperparameters": {"lora_rank": 4, "learning_rate": 0.01}}}

    spec = client.get(f"/jobs/{created(client, method=method, max_steps=7, priority=3)['id']}").json()["spec"]

    assert (spec["method"]["rank"], spec["method"]["alpha"], spec["priority"]) == (4, 8, 3)
    assert (spec["hyperparameters"]["max_steps"], spec["hyperparameters"]["learning_rate"]) == (7, 0.01)


@ON_SQLITE
def test_preferences_become_their_objective(client: TestClient) -> None:
    job = created(client, method={"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.3}}})

    spec = client.get(f"/jobs/{job['id']}").json()["spec"]
    assert spec["objective"] == {"type": "dpo", "beta": 0.3}
    assert job["method"]["dpo"]["hyperparameters"]["beta"] == 0.3


@ON_SQLITE
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"method": {"type": "reinforcement", "reinforcement": {}}}, (400, "method", "invalid_value")),
        ({"model": "nowhere"}, (404, "model", "model_not_found")),
        ({"training_file": "file-none"}, (400, "training_file", "invalid_value")),
        ({"validation_file": "file-none"}, (400, "validation_file", "invalid_value")),
        ({"early_stopping_patience": 2}, (400, "early_stopping_patience", "invalid_value")),
        ({"hyperparameters": {"n_epochs": 51}}, (400, None, "invalid_value")),
        ({"unheard_of": 1}, (400, "unheard_of", "invalid_value")),
        ({"metadata": {"k": "v" * 513}}, (400, "metadata.k", "invalid_value")),
        ({"seed": -1}, (400, "seed", "invalid_value")),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else "",
)
def test_what_cannot_be_done_is_refused_by_name(
    client: TestClient, asked: dict[str, Any], told: tuple[int, str | None, str]
) -> None:
    found = refusal(client, **asked)

    assert found[0] == told[0]
    assert found[2] == told[2]
    assert told[1] is None or found[1] == told[1]


def test_a_file_of_three_examples_fails_a_job_with_openais_words(client: TestClient) -> None:
    job = created(client, uploaded(client, rows(3)))

    assert job["status"] == "failed"
    assert job["error"] == {
        "code": "invalid_n_examples",
        "message": "Training file has 3 example(s), but must have at least 10 examples",
        "param": "training_file",
    }


def test_a_file_with_faults_fails_a_job_and_names_the_line(client: TestClient) -> None:
    job = created(client, uploaded(client, rows(12) + b'{"messages": []}\n'))

    assert (job["status"], job["error"]["code"], job["error"]["param"]) == (
        "failed",
        "invalid_training_file",
        "training_file",
    )
    assert "line 13" in job["error"]["message"]


@ON_SQLITE
def test_a_validation_file_with_faults_is_the_one_that_is_named(client: TestClient) -> None:
    job = created(client, validation_file=uploaded(client, b"no json\n"))

    assert (job["error"]["code"], job["error"]["param"]) == ("invalid_validation_file", "validation_file")


@ON_SQLITE
def test_a_file_for_something_else_is_not_trained_on(client: TestClient) -> None:
    file = client.post("/v1/files", data={"purpose": "user_data"}, files={"file": ("a", b"a")}).json()

    assert refusal(client, file["id"]) == (400, "training_file", "invalid_value")


def test_a_retry_gets_the_job_of_its_first_try(client: TestClient) -> None:
    asked = body(client)
    retried = {"x-stainless-retry-count": "1"}

    first, second = (client.post(JOBS, json=asked, headers=headers).json() for headers in ({}, retried))

    assert second["id"] == first["id"]


def test_a_first_try_that_comes_late_gets_the_job_of_its_retry(client: TestClient) -> None:
    asked = body(client)

    retry = client.post(JOBS, json=asked, headers={"x-stainless-retry-count": "1"}).json()
    late, another = client.post(JOBS, json=asked).json(), client.post(JOBS, json=asked).json()

    assert late["id"] == retry["id"]
    assert another["id"] != retry["id"]


def test_two_requests_with_one_body_are_two_jobs(client: TestClient) -> None:
    asked = body(client)

    assert client.post(JOBS, json=asked).json()["id"] != client.post(JOBS, json=asked).json()["id"]


def test_a_key_makes_one_job_and_is_not_for_another_body(client: TestClient) -> None:
    asked, key = body(client), {"Idempotency-Key": "k"}

    first, again = (client.post(JOBS, json=asked, headers=key) for _ in range(2))
    other = client.post(JOBS, json=asked | {"seed": 5}, headers=key)

    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert other.headers["x-should-retry"] == "false"


def test_a_key_names_one_job_in_both_views(client: TestClient) -> None:
    asked, key = body(client), {"Idempotency-Key": "k"}
    job = client.post(JOBS, json=asked, headers=key).json()

    spec = {"base_model": "starter", "train_dataset": asked["training_file"]}
    refused = client.post("/jobs", json=spec, headers=key).json()

    assert (refused["code"], f"became job {job['id']}" in refused["detail"]) == ("idempotency_key_reused", True)


def test_jobs_are_listed_by_metadata(client: TestClient) -> None:
    file = uploaded(client)
    tagged, plain = created(client, file, metadata={"team": "a", "run": "1"}), created(client, file)

    def listed(query: str) -> list[str]:
        return [job["id"] for job in client.get(f"{JOBS}?{query}").json()["data"]]

    assert listed("metadata%5Bteam%5D=a&metadata%5Brun%5D=1") == [tagged["id"]]
    assert listed("metadata%5Bteam%5D=b") == []
    assert listed("metadata=null") == [plain["id"]]
    assert listed("") == [plain["id"], tagged["id"]]


@ON_SQLITE
def test_a_list_goes_on_behind_its_last_job(client: TestClient) -> None:
    file = uploaded(client)
    made = [created(client, file)["id"] for _ in range(3)][::-1]

    first = client.get(JOBS, params={"limit": 2}).json()
    second = client.get(JOBS, params={"limit": 2, "after": first["last_id"]}).json()

    assert [job["id"] for job in first["data"] + second["data"]] == made
    assert (first["has_more"], second["has_more"]) == (True, False)


def test_asking_of_jobs_goes_the_same_ways(client: TestClient, database: Database, job: dict[str, Any]) -> None:
    queue(database)
    path = f"{JOBS}/{job['id']}"

    statuses = [client.post(f"{path}/{verb}").json()["status"] for verb in ("pause", "resume", "cancel")]

    assert statuses == ["paused", "queued", "cancelled"]
    refused = client.post(f"{path}/pause")
    assert (refused.status_code, refused.headers["x-should-retry"]) == (409, "false")
    assert refused.json()["error"]["code"] == "job_not_pausable"


def test_a_running_job_is_pausing_until_it_is_paused(client: TestClient, running: leases.Lease) -> None:
    assert client.post(f"{JOBS}/{running.job_id}/pause").json()["status"] == "pausing"


def test_events_and_steps_are_told_newest_first_page_by_page(
    client: TestClient, database: Database, running: leases.Lease
) -> None:
    for step in (1, 2):
        tell_step(database, running, step, is_evaluated=step == 2)
    path = f"{JOBS}/{running.job_id}/events"

    whole = client.get(path, params={"limit": 100}).json()["data"]
    pages, after = [], None
    while True:
        page = client.get(path, params={"limit": 2} | ({"after": after} if after else {})).json()
        pages += page["data"]
        after = page["last_id"]
        if not page["has_more"]:
            break

    assert pages == whole
    assert len({event["id"] for event in whole}) == len(whole)
    steps = [event["data"]["step"] for event in whole if event["type"] == "metrics" and event["data"]["train_loss"]]
    assert steps == [2, 1]
    assert whole[-1]["message"] == f"Created fine-tuning job: {running.job_id}"
    assert any(event["message"] == "Fine-tuning job started" for event in whole)


def test_events_may_be_streamed_to_the_jobs_end(client: TestClient, database: Database, running: leases.Lease) -> None:
    tell_step(database, running, 1)
    with database.writing() as session:
        leases.succeed(session, running)

    text = client.get(f"{JOBS}/{running.job_id}/events", params={"stream": "true"}).text

    told = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert told[-1] == "[DONE]"
    listed = client.get(f"{JOBS}/{running.job_id}/events", params={"limit": 100}).json()["data"]
    assert [json.loads(one)["id"] for one in told[:-1]] == [event["id"] for event in reversed(listed)]


@ON_SQLITE
@pytest.mark.parametrize("after", ["ftevent-e99999", "ftevent-x1", "ftevent-e", "nothing", "ftevent-e" + "9" * 30])
def test_an_event_that_is_not_there_is_told(client: TestClient, job: dict[str, Any], after: str) -> None:
    answer = client.get(f"{JOBS}/{job['id']}/events", params={"after": after})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "after")


@ON_SQLITE
def test_another_projects_files_and_jobs_are_not_there(client: TestClient, database: Database) -> None:
    with database.writing() as session:
        stranger = {"Tuneyard-Project": projects.add(session, "strangers").id}
    job = created(client)

    theirs = client.post(JOBS, json=body(client, job["training_file"]), headers=stranger)

    assert theirs.json()["error"]["param"] == "training_file"
    for path in ("", "/events", "/checkpoints"):
        assert client.get(f"{JOBS}/{job['id']}{path}", headers=stranger).status_code == 404


@ON_SQLITE
def test_integrations_that_are_not_offered_are_taken_with_a_warning(client: TestClient) -> None:
    job = created(client, integrations=[{"type": "wandb", "wandb": {"project": "p"}}])

    assert job["integrations"] == []

    events = client.get(f"{JOBS}/{job['id']}/events").json()["data"]
    assert [event["level"] for event in events].count("warn") == 1


@ON_SQLITE
def test_integrations_that_are_offered_are_told(client: TestClient, app: FastAPI, database: Database) -> None:
    offer(app, integrations=("wandb",))
    run = {"project": "p", "name": "n", "entity": None, "tags": ["t"]}

    job = created(client, integrations=[{"type": "wandb", "wandb": run}])

    assert job["integrations"] == [{"type": "wandb", "wandb": run}]
    with database.reading() as session:
        [tracking] = trackings.of_job(session, job["id"])
    assert tracking.target == Wandb(project="p", name="n", tags=("t",))


@ON_SQLITE
def test_integrations_are_refused_by_what_is_wrong(client: TestClient, app: FastAPI) -> None:
    offer(app, integrations=("wandb",))

    assert refusal(client, integrations=[{"type": "wandb", "wandb": {"entity": "e"}}])[1] == (
        "integrations.0.wandb.project"
    )


@ON_SQLITE
def test_when_a_job_begins_is_told_once_it_can_be_reckoned(
    client: TestClient, database: Database, job: dict[str, Any]
) -> None:
    queue(database)

    found = client.get(f"{JOBS}/{job['id']}").json()

    assert (found["queue_position"], found["estimated_start"]) == (1, None)  # there is no worker
    with database.reading() as session:
        assert inspections.reports(session, [job["id"]]).keys() == {job["id"]}
        assert jobs.get(session, job["id"]).project_id == found["organization_id"]


@ON_SQLITE
def test_an_attempt_that_was_lost_is_a_warning(client: TestClient, database: Database, running: leases.Lease) -> None:
    with database.writing() as session:
        leases.charge(session, running, "the host is gone")

    newest = client.get(f"{JOBS}/{running.job_id}/events").json()["data"][0]

    assert (newest["kind"], newest["level"]) == ("job_queued", "warn")


@ON_SQLITE
def test_a_list_of_jobs_asks_as_often_however_many_of_them_wait(
    client: TestClient, database: Database, spec: JobSpec
) -> None:
    num_asked = []
    for _ in range(2):
        with database.writing() as session:
            submit_queued(session, spec)
            submit_queued(session, spec)
        client.get(JOBS).raise_for_status()
        num_asked.append(num_statements(client, JOBS))

    assert num_asked[0] == num_asked[1]


def num_statements(client: TestClient, path: str) -> int:
    """How often a request asks the database."""
    assert isinstance(client.app, FastAPI)
    engine = client.app.state.parts.database.engine
    statements: list[str] = []

    def note(*told: Any) -> None:
        statements.append(told[2])

    event.listen(engine, "before_cursor_execute", note)
    client.get(path).raise_for_status()
    event.remove(engine, "before_cursor_execute", note)
    return len(statements)
