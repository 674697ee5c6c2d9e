"""What the tests of the worker share: its settings, and a job that is claimed."""

import json
import sys
from collections.abc import Iterator

import pytest
from huggingface_hub import constants

from store.database import Database
from store.files import Storage
from store.leases import Lease
from tests.hub import TOKEN, Hub, running_hub
from tests.unit.queued import claim_submitted
from tests.unit.worker.counting_doorbell import CountingDoorbell
from tests.unit.worker.processes import SCRIPTED
from tests.unit.worker.saving import Gate, Refusing
from trainer_core.contract.spec import JobSpec
from worker.settings import WorkerSettings


@pytest.fixture
def settings(database_url: str, storage: Storage, storage_root: str) -> WorkerSettings:
    """Long graces: a trainer that listens is given whatever time its machine takes."""
    return WorkerSettings(
        database_url=database_url,
        broker_url="redis://127.0.0.1:1/0",
        storage_root=storage_root,
        scratch_dir=storage.root,
        worker_name="w",
        word_grace_seconds=600,
        drain_grace_seconds=600,
        kill_grace_seconds=0.2,
    )


@pytest.fixture
def impatient(settings: WorkerSettings) -> WorkerSettings:
    """Short graces, so that a trainer that does not listen is soon killed."""
    return settings.model_copy(update={"word_grace_seconds": 0.1, "drain_grace_seconds": 0.1})


@pytest.fixture
def _runners_are_told(settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runners, processes of their own, have the settings of these tests too; their trainers succeed."""
    told = settings.model_dump(mode="json")
    for name in ("database_url", "broker_url", "storage_root", "scratch_dir"):
        monkeypatch.setenv(f"TUNEYARD_{name.upper()}", str(told[name]))
    monkeypatch.setenv("TUNEYARD_TRAINER_COMMAND", json.dumps([sys.executable, str(SCRIPTED), "succeed"]))


@pytest.fixture
def doorbell() -> CountingDoorbell:
    return CountingDoorbell()


@pytest.fixture
def lease(database: Database, spec: JobSpec) -> Lease:
    """The lease of a job that was submitted and claimed."""
    return claim_submitted(database, spec)


@pytest.fixture
def gate(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Gate:  # noqa: ARG001 - what it holds came before
    """Holds up uploads."""
    return Gate(monkeypatch)


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refusing:
    """Refuses uploads."""
    return Refusing(monkeypatch)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A stand-in for the hub, which is told a token."""
    with running_hub() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub
