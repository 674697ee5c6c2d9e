"""Settings come from the environment, or from files."""

import os
from pathlib import Path

import pytest
from pydantic_settings import SettingsError
from sqlalchemy import make_url

from api.settings import Settings
from store.settings import DatabaseSettings, StoreSettings
from worker.settings import WorkerSettings


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that settings are read from; nothing is in the environment."""
    for name in [name for name in os.environ if name.startswith("TUNEYARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TUNEYARD_SECRETS_DIR", str(tmp_path))
    return tmp_path


def give(secrets: Path, **values: str) -> None:
    for name, value in values.items():
        (secrets / f"tuneyard_{name}").write_text(f"{value}\n")


NEEDED = {
    "database_url": "postgresql+psycopg://tuneyard@postgres/tuneyard",
    "broker_url": "redis://redis:6379/0",
    "storage_root": "/data",
}


def test_every_setting_can_be_given_by_file(secrets: Path) -> None:
    give(secrets, **NEEDED, scratch_dir="/scratch", allowed_hosts='["a.example.com"]', webhook_private_hosts="b,c")

    made = Settings()

    assert (made.database_url, made.storage_root) == (NEEDED["database_url"], "/data")
    assert made.allowed_hosts == ("a.example.com",)
    assert made.webhook_private_hosts == frozenset({"b", "c"})


def test_settings_of_a_worker_can_be_given_by_file(secrets: Path) -> None:
    give(secrets, **NEEDED, num_slots="3")

    assert WorkerSettings().num_slots == 3


def test_the_environment_goes_before_files(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(secrets, database_url="sqlite:///file.db")
    monkeypatch.setenv("TUNEYARD_DATABASE_URL", "sqlite:///environment.db")

    assert DatabaseSettings().database_url == "sqlite:///environment.db"


@pytest.mark.parametrize("password", ["plain", "p@ss/w:rd %?#"])
def test_passwords_are_put_into_urls(secrets: Path, password: str) -> None:
    give(secrets, **NEEDED, database_password=password, broker_password=password)

    made = StoreSettings()

    assert make_url(made.database_url).password == password
    assert make_url(str(made.broker_url)).password == password


def test_a_password_is_not_shown_with_its_setting(secrets: Path) -> None:
    give(secrets, database_url="sqlite:///x.db", database_password="hidden")

    assert "hidden" not in str(DatabaseSettings().database_password)


def test_secrets_as_kubernetes_mounts_them_are_read(secrets: Path) -> None:
    """Each file is a link, by way of a link, into a hidden folder."""
    (secrets / "..2026_11_28").mkdir()
    (secrets / "..2026_11_28/tuneyard_database_url").write_text("sqlite:///linked.db")
    (secrets / "..data").symlink_to("..2026_11_28")
    (secrets / "tuneyard_database_url").symlink_to("..data/tuneyard_database_url")

    assert DatabaseSettings().database_url == "sqlite:///linked.db"


def test_a_folder_of_secrets_that_is_not_there_is_told(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEYARD_SECRETS_DIR", str(secrets / "nowhere"))

    with pytest.raises(SettingsError, match="nowhere"):
        DatabaseSettings()
