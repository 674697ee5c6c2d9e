"""The first key, made beside the database."""

from pathlib import Path

import pytest

from api import keys as making
from store import keys
from store.database import Database
from store.scopes import Scope

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _deployed(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEYARD_DATABASE_URL", database_url)
    monkeypatch.setenv("TUNEYARD_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("TUNEYARD_STORAGE_ROOT", str(tmp_path / "storage"))


def make(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["api.keys", *arguments])
    assert making.main() == 0


def test_a_key_that_is_printed_opens_the_service(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(monkeypatch, "--scope", "read")

    with database.reading() as session:
        found = keys.bearer(session, capsys.readouterr().out.strip())
    assert found is not None
    assert found.scope == Scope.READ


def test_a_key_that_lies_in_its_file_and_is_good_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "key"
    make(monkeypatch, "--file", str(path))
    first = path.read_text()

    make(monkeypatch, "--file", str(path))

    assert path.read_text() == first
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_project_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        make(monkeypatch, "--project", "proj_none")

    assert "proj_none" in capsys.readouterr().err
