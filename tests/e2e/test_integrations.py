"""A job on a hub model, told to TensorBoard and pushed to the hub, by the real service and a stand-in for the hub."""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from client.views import Event, Job
from tests.e2e.live_service import QUICK, Service, running
from tests.hub import TOKEN, Hub, running_hub
from tests.patience import until

SPEC = {
    "revision": "main",
    "method": {"type": "lora"},
    "integrations": [{"type": "tensorboard"}],
    "push_to_hub": {"repo_id": "org/trained"},
}


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        yield hub


@pytest.fixture(scope="module")
def offering(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that offers both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.url)
        patch.setenv("HF_HUB_DISABLE_XET", "1")
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
        patch.setenv("TUNEYARD_INTEGRATIONS", json.dumps(["tensorboard"]))
        patch.setenv("TUNEYARD_PUSH_NAMESPACES", json.dumps(["org"]))
        patch.setenv("TUNEYARD_PUSH_TOKEN", TOKEN)
        with running(tmp_path_factory.mktemp("offering")) as service:
            yield service


@pytest.fixture(scope="module")
def commit(hub: Hub, offering: Service) -> str:
    """That of a base model on the hub, whose branch has moved when the job ends."""
    return hub.add_folder("org/starter", offering.data_dir / "storage" / "models" / "starter")


@pytest.fixture(scope="module")
def job(offering: Service, hub: Hub, commit: str, digits: Path) -> Job:
    """One that has succeeded."""
    dataset_id = offering.tuneyard.datasets.upload(digits / "train.jsonl").id
    asked = {"base_model": "org/starter", "train_dataset": dataset_id, "hyperparameters": QUICK, **SPEC}
    job_id = offering.tuneyard.jobs.create(asked).id
    until(lambda: offering.tuneyard.jobs.retrieve(job_id).base_commit)
    assert hub.repositories["org/starter"].commit({"config.json": b"{}"}) != commit  # no model any more
    return offering.ended(job_id)


@pytest.fixture(scope="module")
def pushed(offering: Service, job: Job) -> Event:
    """What the job was told of its push."""
    return until(lambda: [event for event in offering.tuneyard.jobs.events(job.id) if event.type == "pushed_to_hub"])[0]


def test_the_job_is_trained_from_the_commit_that_its_branch_was(job: Job, commit: str) -> None:
    assert job.failure is None
    assert job.base_commit == commit


def test_its_adapter_names_the_commit_of_its_base(hub: Hub, pushed: Event, commit: str) -> None:
    files = hub.repositories["org/trained"].commits[pushed.data["commit"]]

    config = json.loads(files["adapter_config.json"])

    assert (config["base_model_name_or_path"], config["revision"]) == ("org/starter", commit)


def test_its_card_tells_where_the_model_comes_from(hub: Hub, pushed: Event, commit: str) -> None:
    card = hub.repositories["org/trained"].commits[pushed.data["commit"]]["README.md"].decode()

    assert "base_model: org/starter\n" in card
    assert f"commit {commit}" in card
    assert "FOLDER" not in card
    assert "org/trained" in card


def test_tensorboard_shows_every_step(offering: Service, job: Job) -> None:
    def listed() -> list[dict[str, str]]:
        url = f"{offering.url}/jobs/{job.id}/integrations"
        answer = httpx2.get(url, headers={"Authorization": f"Bearer {offering.endpoint().api_key}"})
        data: list[dict[str, str]] = answer.json()["data"]
        return [one for one in data if one["status"] == "told"]

    until(lambda: len(listed()) == 2)

    folder = offering.data_dir / "storage" / "tensorboard" / "proj_default" / job.id
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        told = EventAccumulator(str(folder)).Reload()
    assert [one.step for one in told.Scalars("loss")] == [1, 2, 3]
