"""Folders, environment and commands of an embedded service."""

from pathlib import Path

import pytest

from client.deployment import Deployment
from client.errors import CannotStart


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like a model's."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


def test_database_and_storage_lie_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUNEYARD_DATABASE_URL", raising=False)

    environment = Deployment(tmp_path).run_worker().environment

    assert environment["TUNEYARD_DATABASE_URL"] == f"sqlite:///{tmp_path}/tuneyard.db"
    assert environment["TUNEYARD_STORAGE_ROOT"] == f"{tmp_path}/storage"
    assert environment["TUNEYARD_INSTANCE"] == str(tmp_path)


def test_database_may_be_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEYARD_DATABASE_URL", "postgresql+psycopg://host/tuneyard")

    environment = Deployment(tmp_path).run_api(3).environment

    assert environment["TUNEYARD_DATABASE_URL"] == "postgresql+psycopg://host/tuneyard"


def test_number_of_slots_is_told_if_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUNEYARD_NUM_SLOTS", raising=False)

    assert "TUNEYARD_NUM_SLOTS" not in Deployment(tmp_path).run_worker().environment
    assert Deployment(tmp_path, num_slots=2).run_worker().environment["TUNEYARD_NUM_SLOTS"] == "2"


def test_trackers_are_told_where_some_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEYARD_INTEGRATIONS", "[]")
    monkeypatch.delenv("TUNEYARD_PUSH_NAMESPACES", raising=False)
    assert not Deployment(tmp_path).has_tracking

    monkeypatch.setenv("TUNEYARD_INTEGRATIONS", '["tensorboard"]')

    assert Deployment(tmp_path).has_tracking
    assert Deployment(tmp_path).run_tracking().command[-1] == "worker.tracking"


def test_all_parts_know_the_same_broker(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)

    parts = [deployment.run_broker(), deployment.run_migrations(), deployment.run_api(3), deployment.run_worker()]

    assert {part.environment["TUNEYARD_BROKER_URL"] for part in parts} == {deployment.broker.url}


def test_model_is_offered_by_its_name(tmp_path: Path, model: Path) -> None:
    Deployment(tmp_path / "data", models={"mine": model}).make_folders()

    assert (tmp_path / "data/storage/models/mine").resolve() == model


def test_model_may_be_offered_again_from_another_folder(tmp_path: Path, model: Path) -> None:
    Deployment(tmp_path / "data", models={"mine": model}).make_folders()
    moved = model.rename(tmp_path / "moved")

    Deployment(tmp_path / "data", models={"mine": moved}).make_folders()

    assert (tmp_path / "data/storage/models/mine").resolve() == moved


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden"])
def test_name_that_leads_elsewhere_is_refused(tmp_path: Path, model: Path, name: str) -> None:
    with pytest.raises(CannotStart, match="cannot name a base model"):
        Deployment(tmp_path / "data", models={name: model}).make_folders()


def test_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="holds no model"):
        Deployment(tmp_path / "data", models={"mine": tmp_path}).make_folders()


def test_model_that_is_no_link_is_kept(tmp_path: Path, model: Path) -> None:
    kept = tmp_path / "data/storage/models/mine"
    kept.mkdir(parents=True)

    with pytest.raises(CannotStart, match="there is a base model 'mine' already"):
        Deployment(tmp_path / "data", models={"mine": model}).make_folders()
