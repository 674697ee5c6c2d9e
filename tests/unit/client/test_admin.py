"""`tuneyard admin` speaks with a real service and with real records."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from client.cli import app
from store import keys
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.scopes import Scope
from tests.unit.api.serving import Server
from tests.unit.bearing import bearer

PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Run:
    """What a command came to."""

    exit_code: int
    output: str

    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.output)
        return found


@dataclass(frozen=True)
class Service:
    url: str
    key: str
    storage: Path

    def admin(self, *arguments: str) -> Run:
        done = CliRunner().invoke(app, ["--url", self.url, "--api-key", self.key, "admin", *arguments])
        return Run(done.exit_code, done.output)


@pytest.fixture(scope="module")
def service(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("admin")
    shutil.copy(sqlite_template, folder / "tuneyard.db")
    url = f"sqlite:///{folder}/tuneyard.db"
    database = Database(url)
    with database.writing() as session:
        _, key = keys.create(session, project_id=DEFAULT_PROJECT, name="tests", scope=Scope.ADMIN)
    database.close()
    with Server(url, folder) as server:
        assert httpx2.get(f"{server.url}/healthz", timeout=PATIENCE_SECONDS).is_success
        yield Service(server.url, key, folder / "storage")


def test_a_key_opens_the_service_until_it_is_revoked(service: Service) -> None:
    made = service.admin("keys", "create", "laptop", "--scope", "read", "--days", "7", "--json").json()

    def status() -> int:
        return httpx2.get(f"{service.url}/jobs", headers=bearer(str(made["key"])), timeout=60).status_code

    assert status() == 200
    assert "laptop" in service.admin("keys", "list").output
    assert str(made["key"]) not in service.admin("keys", "list", "--json").output
    assert service.admin("keys", "revoke", str(made["id"])).exit_code == 0
    assert status() == 401


def test_limits_are_given_and_taken_away_by_name(service: Service) -> None:
    project = service.admin(
        "projects", "create", "vision", "max_running_jobs=2", "keep_artifacts_days=90"
    ).output.strip()

    changed = service.admin("projects", "set", project, "max_running_jobs=none", "name=sight", "--json").json()

    assert (changed["name"], changed["max_running_jobs"], changed["keep_artifacts_days"]) == ("sight", None, 90)
    assert service.admin("projects", "show", project, "--json").json() == changed
    assert "sight" in service.admin("projects", "list").output


@pytest.mark.parametrize(
    ("given", "told"),
    [("max_jobs=1", "max_jobs: unknown key"), ("share=many", "share: "), ("keep_logs_days=0", "keep_logs_days: ")],
)
def test_a_limit_that_there_is_not_is_refused_by_name(service: Service, given: str, told: str) -> None:
    done = service.admin("projects", "set", "proj_default", given)

    assert done.exit_code == 1
    assert told in done.output


def test_a_limit_without_a_value_is_a_mistake_of_the_command_line(service: Service) -> None:
    done = service.admin("projects", "set", "proj_default", "share")

    assert done.exit_code == 2
    assert "NAME=VALUE" in done.output


def test_the_usage_of_every_project_is_shown(service: Service) -> None:
    service.admin("projects", "create", "hearing")

    shown = service.admin("usage").output

    assert {"default", "hearing"} <= set(shown.split())


def test_workers_are_drained_and_resumed(service: Service) -> None:
    told = service.admin("drain", "w/1", "--wait", "--json").json()
    assert [one["worker"] for one in told["data"]] == ["w/1"]  # type: ignore[attr-defined]

    assert "w/1" in service.admin("resume", "w/1").output
    assert service.admin("workers", "--json").json() == {"data": [], "workers": []}
    service.admin("drain", "--give-back")
    assert service.admin("workers", "--json").json()["data"] != []
    service.admin("resume")
    assert service.admin("workers", "--json").json()["data"] == []


def test_garbage_is_told_before_it_is_deleted(service: Service) -> None:
    orphan = service.storage / "jobs/ftjob-of-nobody/attempt-1/left"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(bytes(2000))

    told = service.admin("gc", "--dry-run").output
    assert "jobs/ftjob-of-nobody/attempt-1/left" in told
    assert "1 things, 2 kB could be deleted" in told
    assert orphan.exists()

    assert "1 things, 2 kB were deleted" in service.admin("gc").output
    assert not orphan.exists()


def test_who_is_no_operator_is_told_so(service: Service) -> None:
    made = service.admin("keys", "create", "reader", "--json").json()

    refused = Service(service.url, str(made["key"]), service.storage).admin("gc", "--dry-run")

    assert refused.exit_code == 1
    assert "scope" in refused.output


def test_a_service_that_is_away_is_told() -> None:
    done = CliRunner().invoke(app, ["--url", "http://127.0.0.1:1", "admin", "workers"])

    assert done.exit_code == 1
    assert "no service at" in done.output


@pytest.fixture
def records(sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Runs commands that need records; `a` is a data folder that has some."""
    for name in ("TUNEYARD_DATABASE_URL", "TUNEYARD_BROKER_URL", "TUNEYARD_STORAGE_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    (tmp_path / "a").mkdir()
    shutil.copy(sqlite_template, tmp_path / "a/tuneyard.db")

    def run(command: str, folder: str, *arguments: str) -> Run:
        done = CliRunner().invoke(app, ["admin", command, *arguments, "--data-dir", str(tmp_path / folder)])
        return Run(done.exit_code, done.output)

    return run


def test_records_move_to_a_new_data_folder(records: Callable[..., Run], tmp_path: Path) -> None:
    kept = str(tmp_path / "kept.zip")
    assert "1 rows of" in records("backup", "a", kept).output

    restored = records("restore", "b", kept)

    assert "every one verified" in restored.output
    assert records("upgrade", "b").output.endswith("there is nothing to do\n")
    assert (tmp_path / "b/tuneyard.db").exists()


def test_a_backup_is_not_written_over_another_file(records: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "kept.zip").write_text("kept")

    done = records("backup", "a", str(tmp_path / "kept.zip"))

    assert (done.exit_code, "is there already" in done.output) == (1, True)


def test_where_no_records_are_nothing_is_backed_up(records: Callable[..., Run], tmp_path: Path) -> None:
    done = records("backup", "none", str(tmp_path / "kept.zip"))

    assert done.exit_code == 1
    assert "holds no database" in done.output
    assert not (tmp_path / "none").exists()
