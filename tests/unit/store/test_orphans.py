"""What no row names is deleted, and nothing else."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text, update

from store import artifacts, checkpoints, leases, orphans
from store.clock import from_now
from store.database import Database
from store.files import Storage
from store.leases import Lease, LeaseLost
from store.orphans import Orphans
from store.remote import Remote, StorageUnavailable
from store.tables import Attempt, Job
from tests.unit.kinds import EVERY_KIND, ON_A_BUCKET
from tests.unit.queued import claim_submitted
from trainer_core.contract.events import CheckpointSaved
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.spec import JobSpec


@pytest.fixture
def collector(database: Database, storage: Storage) -> Orphans:
    return Orphans(database, storage)


@pytest.fixture
def lease(database: Database, spec: JobSpec) -> Lease:
    """The lease of a running job."""
    return claim_submitted(database, spec)


def end(database: Database, lease: Lease, *, hours_ago: float = 2) -> None:
    """Have the attempt end, as if that had been so long ago; the job waits for another day, unless it has ended."""
    with database.writing() as session:
        with suppress(LeaseLost):
            leases.give_back(session, lease, "stopping")
            session.execute(update(Job).where(Job.id == lease.job_id).values(not_before=from_now(3600)))
        ended = update(Attempt).where(Attempt.job_id == lease.job_id, Attempt.number == lease.attempt)
        session.execute(ended.values(ended_at=from_now(-3600 * hours_ago)))


def publish(storage: Storage, lease: Lease, path: str) -> Manifest:
    """A folder of an attempt, with a manifest."""
    folder = storage.run_dir(lease.job_id, lease.attempt) / path
    folder.mkdir(parents=True)
    for name in ("a", "b"):
        (folder / name).write_text(name)
    manifest = Manifest.of(folder)
    manifest.save(folder)
    storage.publish(folder, folder)
    return manifest


def names(storage: Storage, lease: Lease) -> set[str]:
    """Paths of all that is published of an attempt."""
    run_dir = storage.run_dir(lease.job_id, lease.attempt)
    return {place.relative_to(run_dir).as_posix() for place in storage.files(run_dir)}


@EVERY_KIND
def test_what_no_row_names_is_deleted(collector: Orphans, database: Database, storage: Storage, lease: Lease) -> None:
    publish(storage, lease, "artifact")
    publish(storage, lease, "checkpoints/.step-000010.draft")
    end(database, lease)

    collector.collect()

    assert names(storage, lease) == set()


@EVERY_KIND
def test_what_a_row_names_stays(collector: Orphans, database: Database, storage: Storage, lease: Lease) -> None:
    checkpoint = publish(storage, lease, "checkpoints/step-10")
    saved = CheckpointSaved(
        step=10, epoch=1, path="checkpoints/step-10", num_bytes=2, manifest_sha256=checkpoint.sha256, metrics={}
    )
    with database.writing() as session:
        checkpoints.record(session, lease, saved)
        artifacts.record(session, lease, "artifact", publish(storage, lease, "artifact"))
    publish(storage, lease, "checkpoints/step-100")
    end(database, lease)

    collector.collect()

    assert names(storage, lease) == {
        f"{folder}/{name}" for folder in ("checkpoints/step-10", "artifact") for name in ("a", "b", "manifest.json")
    }


@EVERY_KIND
def test_an_attempt_that_ended_lately_is_left_alone(
    collector: Orphans, database: Database, storage: Storage, lease: Lease
) -> None:
    publish(storage, lease, "artifact")
    end(database, lease, hours_ago=0.9)

    collector.collect()

    assert len(names(storage, lease)) == 3


@EVERY_KIND
def test_a_running_attempt_is_left_alone_when_the_one_before_is_cleared(
    collector: Orphans, database: Database, storage: Storage, lease: Lease
) -> None:
    publish(storage, lease, "artifact")
    end(database, lease)
    with database.writing() as session:
        session.execute(update(Job).values(not_before=from_now()))
        running = leases.claim(session, worker="w", seconds=90)
    assert running is not None
    publish(storage, running, "artifact")

    collector.collect()

    assert (running.job_id, running.attempt) == (lease.job_id, 2)
    assert (len(names(storage, lease)), len(names(storage, running))) == (0, 3)


def test_attempts_are_looked_at_a_few_at_a_time_in_the_order_of_their_ends(
    collector: Orphans, database: Database, storage: Storage, spec: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "_MAX_ATTEMPTS", 2)
    ended = []
    for hours_ago in (4, 3, 2):
        ended.append(claim_submitted(database, spec.model_copy(update={"priority": hours_ago})))
        publish(storage, ended[-1], "artifact")
    for hours_ago, one in zip((4, 3, 2), ended, strict=True):
        end(database, one, hours_ago=hours_ago)

    left = []
    for _ in range(3):
        collector.collect()
        left.append([bool(names(storage, one)) for one in ended])

    assert left == [[False, False, True], [False, False, False], [False, False, False]]


def test_a_storage_that_does_not_answer_is_no_obstacle(
    collector: Orphans, database: Database, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(database, lease)

    def answers_nothing(*_: object) -> None:
        raise StorageUnavailable("no answer")

    monkeypatch.setattr(Storage, "files", answers_nothing)

    collector.collect_if_due()


@ON_A_BUCKET
def test_copies_that_no_running_job_uses_are_deleted_a_day_later(
    collector: Orphans, storage: Storage, lease: Lease
) -> None:
    def copy(path: Path, *, days_old: float) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (0, time.time() - days_old * 24 * 3600))
        return path

    used = [
        copy(storage.dataset_path("file-1"), days_old=2),
        copy(storage.root / "models/0123/starter", days_old=2),
        copy(storage.root / "jobs" / lease.job_id, days_old=2),
    ]
    young = copy(storage.dataset_path("file-2"), days_old=0.5)
    old = [
        copy(storage.dataset_path("file-3"), days_old=2),
        copy(storage.root / "models/0123/another", days_old=2),
        copy(storage.root / "jobs" / "ftjob-another", days_old=2),
    ]

    collector.collect()

    assert all(path.exists() for path in [*used, young])
    assert not any(path.exists() for path in old)


class Killed(BaseException):
    """The process ends here."""


class Kill:
    """Ends the process at the beginning of one of its steps."""

    def __init__(self, at: int) -> None:
        self._left = at

    def step(self) -> None:
        if self._left == 0:
            raise Killed
        self._left -= 1

    def before(self, function: Callable[..., None]) -> Callable[..., None]:
        def stepped(*arguments: object, **named: object) -> None:
            self.step()
            function(*arguments, **named)

        return stepped


def save_and_record(database: Database, storage: Storage, lease: Lease, kill: Kill) -> None:
    """What a trainer and its runner do at a run's end, in steps."""
    folder = storage.run_dir(lease.job_id, lease.attempt) / "artifact"
    folder.mkdir(parents=True)
    for name in ("a", "b", "c"):
        kill.step()
        (folder / name).write_text(name)
    kill.step()
    manifest = Manifest.of(folder)
    manifest.save(folder)
    storage.publish(folder, folder)

    with database.writing() as session:
        kill.step()
        artifacts.record(session, lease, "artifact", manifest)
        kill.step()
        leases.succeed(session, lease)
        kill.step()
    kill.step()


@pytest.mark.parametrize(
    ("storage_kind", "database_url"), [("folder", "sqlite"), ("s3", "postgresql")], indirect=["database_url"]
)
def test_no_kill_leaves_half_an_artifact_and_what_it_leaves_is_collected(
    service: TestClient, database: Database, storage: Storage, spec: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Remote._put  # noqa: SLF001 - a process dies between two files of a folder
    is_there: dict[Lease, bool] = {}
    for number in range(50):
        lease = claim_submitted(database, spec)
        kill = Kill(number % 13)
        monkeypatch.setattr(Remote, "_put", kill.before(put))
        with suppress(Killed):
            save_and_record(database, storage, lease, kill)
        is_there[lease] = is_whole(service, lease)
        end(database, lease)

    Orphans(database, storage).collect()

    assert set(is_there.values()) == {True, False}
    assert {lease: bool(names(storage, lease)) for lease in is_there} == is_there


def is_whole(service: TestClient, lease: Lease) -> bool:
    """True if all of the artifact can be downloaded, False if nothing is said to be there."""
    answer = service.get(f"/jobs/{lease.job_id}/artifacts")
    if answer.status_code == 409:
        return False
    paths = [file["path"] for file in answer.json()["files"]]
    assert [service.get(f"/jobs/{lease.job_id}/artifacts/{path}").text for path in paths] == ["a", "b", "c"]
    return True


def test_whoever_collects_goes_on_when_that_breaks_down(
    collector: Orphans, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.writing() as session:
        session.execute(text("ALTER TABLE upload_parts RENAME TO parts"))

    collector.collect_if_due()

    assert "orphans are left for later" in caplog.text


def test_a_file_beside_the_run_folders_is_nobodys_orphan(database: Database, storage: Storage, lease: Lease) -> None:
    publish(storage, lease, "artifact")
    end(database, lease)
    for place in (storage.root / "jobs" / "notes", storage.root / "jobs" / lease.job_id / "notes"):
        place.write_text("of an operator")

    found = list(orphans.every(database, storage))

    assert {place.name for place in found} == {"a", "b", "manifest.json"}
