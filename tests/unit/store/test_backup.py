"""Records that were backed up are the same again, on either database."""

import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from alembic import command
from sqlalchemy import func, select

from migrations import upgrading
from migrations.__main__ import config
from migrations.doctor import head, revision_of
from migrations.restore import restore
from migrations.upgrading import JobsRunning
from store import backup, events, jobs, leases, listing, logs, projects
from store.backup import NotABackup, NotEmpty
from store.database import Database
from store.files import Storage
from store.tables import Event, Job
from tests.unit.conftest import migrate
from tests.unit.queued import claim_submitted, submit_queued
from tests.unit.store.test_retention import train
from trainer_core.contract.check import NotInOrder
from trainer_core.contract.spec import JobSpec


@pytest.fixture
def filled(database: Database, storage: Storage, spec: JobSpec) -> Database:
    """Records of many tables: jobs that have ended, run and wait, words in every script, numbers that are none."""
    train(database, storage, spec)
    running = claim_submitted(database, spec.model_copy(update={"suffix": "next"}))
    with database.writing() as session:
        submit_queued(session, spec.model_copy(update={"metadata": {"Größe": "½ 你好"}}))
        projects.add(session, "ミ\u2028", max_gpu_hours=0.1)
        logs.record(session, running, ['tab\tquote"back\\slash', "\x1b[0m"])
    return database


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind that has no tables yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'restored.db'}"
        return
    databases = request.getfixturevalue("postgres")
    with databases.made("restored") as url:
        yield url


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Has the environment name a database."""

    def set_url(url: str) -> str:
        monkeypatch.setenv("TUNEYARD_DATABASE_URL", url)
        return url

    return set_url


def test_what_is_restored_is_what_was_there_on_either_database(
    filled: Database, empty_url: str, tmp_path: Path, at: Callable[[str], str]
) -> None:
    path = tmp_path / "backup.zip"
    written = backup.write(filled.engine, path)

    restored = restore(at(empty_url), path)

    assert restored == written
    assert written.tables["jobs"].num_rows == 3
    again = Database(empty_url)
    assert backup.write(again.engine, tmp_path / "again.zip") == written
    with filled.reading() as before, again.reading() as after:
        job_id = listing.page(before, limit=1)[0].id
        assert jobs.get(after, job_id).spec == jobs.get(before, job_id).spec
    again.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_rows_that_come_after_a_restore_are_numbered_behind_the_others(
    filled: Database, empty_url: str, tmp_path: Path, at: Callable[[str], str]
) -> None:
    backup.write(filled.engine, tmp_path / "backup.zip")
    restore(at(empty_url), tmp_path / "backup.zip")
    again = Database(empty_url)

    with again.writing() as session:
        job_id, last = listing.page(session, limit=1)[0].id, session.scalar(select(func.max(Event.id)))
        events.record(session, job_id, 0, "told", "after")
        assert session.scalar(select(func.max(Event.id))) == (last or 0) + 1
    again.close()


def test_a_backup_is_of_one_moment_though_others_write_meanwhile(
    filled: Database, spec: JobSpec, tmp_path: Path
) -> None:
    def submit() -> None:
        with filled.writing() as session:
            submit_queued(session, spec)

    with backup.snapshot(filled.engine) as connection:
        before = connection.scalar(select(func.count()).select_from(Job))
        writer = threading.Thread(target=submit)
        writer.start()
        writer.join()
        assert connection.scalar(select(func.count()).select_from(Job)) == before
    assert backup.write(filled.engine, tmp_path / "b.zip").tables["jobs"].num_rows == (before or 0) + 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_its_owner_can_read_a_backup(filled: Database, tmp_path: Path) -> None:
    backup.write(filled.engine, tmp_path / "backup.zip")

    assert stat.S_IMODE((tmp_path / "backup.zip").stat().st_mode) == 0o600


def test_a_backup_takes_no_others_place(database: Database, tmp_path: Path) -> None:
    (tmp_path / "backup.zip").write_text("kept")

    with pytest.raises(FileExistsError):
        backup.write(database.engine, tmp_path / "backup.zip")

    assert (tmp_path / "backup.zip").read_text() == "kept"


def test_a_database_with_records_is_not_restored_into(
    filled: Database, database_url: str, tmp_path: Path, at: Callable[[str], str]
) -> None:
    written = backup.write(filled.engine, tmp_path / "backup.zip")

    with pytest.raises(NotEmpty):
        restore(at(database_url), tmp_path / "backup.zip")

    assert backup.write(filled.engine, tmp_path / "again.zip") == written


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_has_only_tables_is_restored_into(
    filled: Database, empty_url: str, tmp_path: Path, at: Callable[[str], str]
) -> None:
    backup.write(filled.engine, tmp_path / "backup.zip")
    migrate(at(empty_url))

    assert restore(empty_url, tmp_path / "backup.zip")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("change", ["cut", "altered", "left out", "none"])
def test_a_damaged_backup_is_refused_and_nothing_is_restored(
    filled: Database, tmp_path: Path, at: Callable[[str], str], change: str
) -> None:
    path, damaged, url = tmp_path / "backup.zip", tmp_path / "damaged.zip", f"sqlite:///{tmp_path / 'restored.db'}"
    backup.write(filled.engine, path)
    with ZipFile(path) as whole, ZipFile(damaged, "w") as archive:
        for name in whole.namelist():
            content = whole.read(name)
            if name == "events.jsonl" and change == "altered":
                content = content.replace(b"Job submitted", b"Job smuggled ")
            if name == "log_lines.jsonl" and change == "left out":
                content = content[: content.index(b"\n") + 1]
            archive.writestr(name, content)
    if change == "cut":
        damaged.write_bytes(path.read_bytes()[:-100])
    if change == "none":
        damaged.write_text("no zip")

    with pytest.raises(NotABackup):
        restore(at(url), damaged)

    if Path(url.removeprefix("sqlite:///")).exists():
        restore(url, path)  # it is as empty as before


def test_an_upgrade_backs_up_migrates_and_says_so(
    filled: Database, database_url: str, tmp_path: Path, at: Callable[[str], str]
) -> None:
    at(database_url)
    _give_back(filled)
    _downgrade("0012")
    said: list[str] = []

    upgrading.upgrade(database_url, tmp_path, said.append)

    [path] = tmp_path.glob("tuneyard-0012-*.zip")
    assert backup.read_manifest(path).revision == "0012"
    assert str(path) in said[0]
    assert revision_of(database_url) == head()
    upgrading.upgrade(database_url, tmp_path, said.append)
    assert "nothing to do" in said[-1]


def test_a_backup_of_an_older_release_is_restored_into_this_one(
    filled: Database, database_url: str, empty_url: str, tmp_path: Path, at: Callable[[str], str]
) -> None:
    at(database_url)
    _downgrade("0012")
    backup.write(filled.engine, tmp_path / "old.zip")

    restore(at(empty_url), tmp_path / "old.zip")

    assert revision_of(empty_url) == head()
    again = Database(empty_url)
    with again.reading() as session:
        assert len(listing.page(session, limit=10)) == 3
    again.close()


@pytest.mark.usefixtures("filled")
def test_tables_are_not_changed_under_running_jobs(database_url: str, tmp_path: Path, at: Callable[[str], str]) -> None:
    at(database_url)
    _downgrade("0012")

    with pytest.raises(JobsRunning, match="1 jobs are running"):
        upgrading.upgrade(database_url, tmp_path, print)

    assert revision_of(database_url) == "0012"
    assert not list(tmp_path.glob("*.zip"))


def test_what_is_not_there_is_not_upgraded(tmp_path: Path) -> None:
    with pytest.raises(NotInOrder, match="no file"):
        upgrading.upgrade(f"sqlite:///{tmp_path}/none.db", tmp_path, print)


def _give_back(database: Database) -> None:
    with database.writing() as session:
        for lease, _ in leases.held_by(session, "w"):
            leases.give_back(session, lease, "drained")


def _downgrade(revision: str) -> None:
    command.downgrade(config(), revision)
