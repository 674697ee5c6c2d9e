"""/v1/fine_tuning/jobs: created, followed and ended as OpenAI's clients do it."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from store import leases
from store.database import Database
from tests.unit.api.conftest import CountingDoorbell
from tests.unit.api.openai.rows import rows
from tests.unit.api.openai.training import JOBS, create, read, save, start, step, succeed, upload, upload_bytes
from tests.unit.queued import pass_inspection

ONE_KIND = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
BAD = rows(10) + b'{"messages": []}\n'


def refusal(client: TestClient, **body: Any) -> tuple[int, str, str]:
    """Status, parameter and message of a creation that is refused."""
    answer = client.post(JOBS, json={"model": "starter", **body})
    error = answer.json()["error"]
    return answer.status_code, error["param"], error["message"]


@pytest.fixture
def file_id(client: TestClient) -> str:
    return upload(client)


@pytest.fixture
def queued(client: TestClient, database: Database) -> Callable[[], str]:
    def make() -> str:
        job_id: str = create(client)["id"]
        with database.writing() as session:
            pass_inspection(session)
        return job_id

    return make


def test_a_new_job_has_every_field_of_openais(client: TestClient, file_id: str) -> None:
    job = create(client, training_file=file_id, seed=7, metadata={"a": "b"})

    assert job["object"] == "fine_tuning.job"
    told = ("model", "training_file", "validation_file", "status", "seed", "metadata", "organization_id")
    assert [job[name] for name in told] == [
        "starter",
        file_id,
        None,
        "validating_files",
        7,
        {"a": "b"},
        "proj_default",
    ]
    nothing_yet = ("finished_at", "fine_tuned_model", "trained_tokens", "error", "estimated_finish", "estimated_start")
    assert [job[name] for name in nothing_yet] == [None] * 6
    assert (job["result_files"], job["output_files"], job["integrations"]) == ([], [], [])


@ONE_KIND
def test_auto_is_shown_as_numbers(client: TestClient, file_id: str) -> None:
    job = create(client, training_file=file_id)

    shown = job["method"]["supervised"]["hyperparameters"]
    assert (shown["n_epochs"], shown["batch_size"], shown["learning_rate_multiplier"]) == (10, 4, 1.0)
    assert (shown["lora_rank"], shown["learning_rate"]) == (16, 1e-4)
    assert job["hyperparameters"] == shown


@ONE_KIND
def test_a_new_job_is_the_job_of_the_other_view(client: TestClient, doorbell: CountingDoorbell) -> None:
    job = create(client, suffix="my model")

    assert client.get(f"/jobs/{job['id']}").json()["spec"]["suffix"] == "my-model"
    assert doorbell.num_rings == 1


@ONE_KIND
def test_a_seed_that_is_not_given_is_drawn_and_shown(client: TestClient, file_id: str) -> None:
    seeds = {create(client, training_file=file_id)["seed"] for _ in range(4)}

    assert len(seeds) > 1


@ONE_KIND
@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"hyperparameters": {"n_epochs": 51}}, "hyperparameters.n_epochs"),
        ({"method": {"type": "supervised", "supervised": {"hyperparameters": {"lorarank": 1}}}}, "lorarank"),
        ({"method": {"type": "reinforcement", "reinforcement": {"grader": {}}}}, "method"),
        ({"early_stopping_patience": 2}, "early_stopping_patience"),
        ({"training_file": "file-none"}, "training_file"),
        ({"validation_file": "file-none"}, "validation_file"),
        ({"model": "unheard-of"}, "model"),
        ({"from_checkpoint": "ft:starter:proj_default::" + "0" * 26}, "model"),
        ({"suffix": "x" * 65}, "suffix"),
        ({"metadata": {"k": 1}}, "metadata.k"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    client: TestClient, file_id: str, body: dict[str, Any], param: str
) -> None:
    status, at, message = refusal(client, **{"training_file": file_id, **body})

    assert status == (404 if param == "model" else 400)
    assert at is not None
    assert at.endswith(param)
    assert message


@ONE_KIND
def test_a_file_for_something_else_is_refused(client: TestClient) -> None:
    form, content = {"purpose": "batch"}, {"file": ("f", b"x")}
    file_id = client.post("/v1/files", data=form, files=content).json()["id"]

    assert refusal(client, training_file=file_id)[:2] == (400, "training_file")


def test_a_job_on_too_few_rows_fails_in_openais_words(client: TestClient) -> None:
    job = create(client, training_file=upload(client, 3))

    assert job["status"] == "failed"
    assert job["error"] == {
        "code": "invalid_n_examples",
        "message": "Training file has 3 example(s), but must have at least 10 examples",
        "param": "training_file",
    }


@ONE_KIND
@pytest.mark.parametrize("which", ["training", "validation"])
def test_a_job_on_a_file_with_faults_fails_and_names_them(client: TestClient, file_id: str, which: str) -> None:
    files = {"training_file": file_id, f"{which}_file": upload_bytes(client, BAD)}

    job = create(client, **files)

    assert (job["status"], job["error"]["code"]) == ("failed", f"invalid_{which}_file")
    assert job["error"]["param"] == f"{which}_file"
    assert "line 11" in job["error"]["message"]


@ONE_KIND
def test_a_short_validation_file_will_do(client: TestClient, file_id: str) -> None:
    job = create(client, training_file=file_id, validation_file=upload(client, 1))

    assert job["status"] == "validating_files"


@ONE_KIND
def test_integrations_are_not_told_and_a_warning_says_so(client: TestClient, file_id: str) -> None:
    job = create(client, training_file=file_id, integrations=[{"type": "wandb", "wandb": {"project": "p"}}])

    events = client.get(f"{JOBS}/{job['id']}/events").json()["data"]
    assert [event["level"] for event in events if "integrations" in event["message"]] == ["warn"]


def test_pages_of_jobs_join_newest_first(client: TestClient, file_id: str) -> None:
    made = [create(client, training_file=file_id)["id"] for _ in range(3)]

    first = client.get(JOBS, params={"limit": 2}).json()
    second = client.get(JOBS, params={"limit": 2, "after": first["data"][-1]["id"]}).json()

    assert [job["id"] for page in (first, second) for job in page["data"]] == made[::-1]
    assert (first["has_more"], second["has_more"]) == (True, False)


def test_jobs_are_found_by_metadata(client: TestClient, file_id: str) -> None:
    plain = create(client, training_file=file_id)["id"]
    marked = create(client, training_file=file_id, metadata={"team.x": "a b", "k": "v"})["id"]

    def found(**asked: str) -> list[str]:
        return [job["id"] for job in client.get(JOBS, params=asked).json()["data"]]

    assert found(**{"metadata[team.x]": "a b", "metadata[k]": "v"}) == [marked]
    assert found(**{"metadata[k]": "w"}) == []
    assert found(metadata="null") == [plain]


@ONE_KIND
def test_a_job_that_is_not_there_is_told_as_openai_tells_it(client: TestClient) -> None:
    answer = client.get(f"{JOBS}/ftjob-none")

    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"


@ONE_KIND
def test_cancelling_a_cancelled_job_changes_nothing(client: TestClient) -> None:
    path = f"{JOBS}/{create(client)['id']}/cancel"

    assert [client.post(path).json()["status"] for _ in range(2)] == ["cancelled"] * 2


@ONE_KIND
def test_an_ended_job_is_not_cancelled_and_clients_do_not_ask_again(client: TestClient, database: Database) -> None:
    job_id = create(client)["id"]
    succeed(database, start(database))

    refused = client.post(f"{JOBS}/{job_id}/cancel")

    assert (refused.status_code, refused.headers["x-should-retry"]) == (409, "false")


@ONE_KIND
def test_a_running_job_is_pausing_until_it_has_saved(client: TestClient, database: Database) -> None:
    job_id = create(client)["id"]
    start(database)

    assert client.post(f"{JOBS}/{job_id}/pause").json()["status"] == "pausing"


@ONE_KIND
def test_a_paused_job_is_queued_again(client: TestClient, database: Database, queued: Callable[[], str]) -> None:
    job_id = queued()
    assert client.post(f"{JOBS}/{job_id}/pause").json()["status"] == "paused"

    resumed = client.post(f"{JOBS}/{job_id}/resume").json()

    assert (resumed["status"], resumed["queue_position"]) == ("queued", 1)
    with database.writing() as session:
        assert leases.claim(session, worker="w", seconds=90) is not None


@ONE_KIND
def test_without_a_worker_nobody_knows_when_a_job_begins(client: TestClient, queued: Callable[[], str]) -> None:
    assert read(client, queued())["estimated_start"] is None


def test_a_job_that_succeeded_names_its_model_and_files(client: TestClient, database: Database) -> None:
    job_id = create(client, suffix="mine")["id"]
    lease = start(database)
    step(database, lease, 1, 0.5)
    succeed(database, lease)

    job = read(client, job_id)

    assert job["status"] == "succeeded"
    assert job["fine_tuned_model"] == f"ft:starter:proj_default:mine:{job_id.removeprefix('ftjob-')}"
    kinds = [client.get(f"/v1/files/{one}").json()["filename"] for one in job["result_files"] + job["output_files"]]
    assert kinds == ["step_metrics.csv", "adapter.safetensors"]


@ONE_KIND
def test_metrics_come_as_csv(client: TestClient, database: Database) -> None:
    job_id = create(client)["id"]
    lease = start(database)
    step(database, lease, 1, 0.5)
    step(database, lease, 2, 0.25)
    succeed(database, lease)

    file_id = read(client, job_id)["result_files"][0]

    lines = client.get(f"/v1/files/{file_id}/content").text.splitlines()
    assert lines == [
        "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy",
        "1,0.5,,,",
        "2,0.25,,,",
    ]


def test_checkpoints_are_listed_newest_first_and_in_pages(client: TestClient, database: Database) -> None:
    job_id = create(client)["id"]
    lease = start(database)
    for number in (2, 4, 6):
        save(database, lease, number, loss=1 / number, eval_loss=2 / number)

    first = client.get(f"{JOBS}/{job_id}/checkpoints", params={"limit": 2}).json()
    second = client.get(f"{JOBS}/{job_id}/checkpoints", params={"limit": 2, "after": first["last_id"]}).json()

    assert [one["step_number"] for page in (first, second) for one in page["data"]] == [6, 4, 2]
    assert (first["has_more"], second["has_more"]) == (True, False)
    newest = first["data"][0]
    assert newest["fine_tuned_model_checkpoint"].endswith(f"{job_id.removeprefix('ftjob-')}:ckpt-step-6")
    assert (newest["metrics"]["train_loss"], newest["metrics"]["full_valid_loss"]) == (1 / 6, 2 / 6)


@ONE_KIND
def test_a_retry_finds_the_job_of_its_first_try(client: TestClient, file_id: str) -> None:
    body = {"model": "starter", "training_file": file_id}

    first = client.post(JOBS, json=body).json()["id"]
    retry = client.post(JOBS, json=body, headers={"x-stainless-retry-count": "1"}).json()["id"]

    assert retry == first


@ONE_KIND
def test_a_first_try_that_comes_late_finds_the_job_of_its_retry_once(client: TestClient, file_id: str) -> None:
    body = {"model": "starter", "training_file": file_id}

    retry = client.post(JOBS, json=body, headers={"x-stainless-retry-count": "1"}).json()["id"]
    late, another = (client.post(JOBS, json=body).json()["id"] for _ in range(2))

    assert late == retry
    assert another != retry


def test_the_same_key_makes_one_job_and_another_body_is_refused(client: TestClient, file_id: str) -> None:
    body, key = {"model": "starter", "training_file": file_id}, {"Idempotency-Key": "k"}

    made = {client.post(JOBS, json=body, headers=key).json()["id"] for _ in range(2)}
    refused = client.post(JOBS, json={**body, "seed": 3}, headers=key)

    assert len(made) == 1
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "idempotency_key_reused")
