"""What projects keep no longer goes, is told, and is never what somebody still needs."""

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from store import checkpoints, events, jobs, leases, logs, metrics, permissions, projects, results, retention
from store.clock import from_now
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.file_tables import StoredFile
from store.files import Storage
from store.leases import Lease
from store.orphans import Orphans
from store.permission_tables import CheckpointPermission
from store.retention import Due, Kept
from store.series import Point
from store.tables import Artifact, Attempt, Job
from store.trained_models import ModelName
from tests.unit.hooked import add_endpoint
from tests.unit.kinds import EVERY_KIND
from tests.unit.leaving import leave_artifact
from tests.unit.queued import claim_submitted
from tests.unit.tracked import tracked
from trainer_core.contract.events import CheckpointSaved
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.spec import JobSpec


def train(database: Database, storage: Storage, spec: JobSpec, *, days_ago: float = 10) -> Lease:
    """A job that has left something of every kind, and has ended so long ago."""
    lease = claim_submitted(database, spec)
    folder = storage.run_dir(lease.job_id, lease.attempt) / "checkpoints/step-1"
    folder.mkdir(parents=True)
    (folder / "weights").write_text("w")
    storage.publish(folder, folder)
    saved = CheckpointSaved(
        step=1, epoch=1, path="checkpoints/step-1", num_bytes=7, manifest_sha256="0" * 64, metrics={}
    )
    with database.writing() as session:
        checkpoints.record(session, lease, saved)
        logs.record(session, lease, ["a", "b"])
        metrics.record(session, lease, [Point("loss", step, 1.0) for step in range(3)])
    leave_artifact(database, storage, lease, {"adapter/weights": b"12345"})
    end(database, lease.job_id, days_ago)
    return lease


def end(database: Database, job_id: str, days_ago: float) -> None:
    with database.writing() as session:
        at = from_now(-86_400 * days_ago)
        session.execute(update(Job).where(Job.id == job_id).values(finished_at=at))
        session.execute(update(Attempt).where(Attempt.job_id == job_id).values(ended_at=at))


def keep(database: Database, **days: int) -> None:
    with database.writing() as session:
        projects.change(session, DEFAULT_PROJECT, **days)


def due(database: Database) -> list[Due]:
    with database.reading() as session:
        return retention.due(session)


def types(database: Database, job_id: str) -> list[str]:
    with database.reading() as session:
        return [event.type for event in events.after(session, job_id, 0, 100)]


def places(storage: Storage, lease: Lease) -> list[str]:
    run_dir = storage.run_dir(lease.job_id, lease.attempt)
    return sorted(place.relative_to(run_dir).parts[0] for place in storage.files(run_dir))


def test_by_default_everything_is_kept(database: Database, storage: Storage, spec: JobSpec) -> None:
    train(database, storage, spec, days_ago=10_000)

    assert due(database) == []


@EVERY_KIND
def test_an_artifact_goes_when_its_time_is_over_and_its_job_tells_so(
    database: Database, storage: Storage, spec: JobSpec
) -> None:
    old, young = (train(database, storage, spec, days_ago=days) for days in (10, 4))
    keep(database, keep_artifacts_days=7)
    assert [(one.id, one.num_bytes) for one in due(database)] == [(old.job_id, 5)]

    retention.collect(database, storage)

    assert due(database) == []
    assert types(database, old.job_id)[-1] == "artifact_expired"
    assert places(storage, old) == ["checkpoints"]
    assert "artifact" in places(storage, young)
    with database.reading() as session:
        left = session.scalars(select(Artifact.job_id)).all()
    assert left == [young.job_id]


def test_workers_do_it_beside_their_other_work(database: Database, storage: Storage, spec: JobSpec) -> None:
    lease = train(database, storage, spec)
    keep(database, keep_logs_days=7)

    Orphans(database, storage).collect()

    assert types(database, lease.job_id)[-1] == "logs_expired"


@EVERY_KIND
def test_checkpoints_go_with_their_bytes(database: Database, storage: Storage, spec: JobSpec) -> None:
    lease = train(database, storage, spec)
    keep(database, keep_checkpoints_days=7)

    retention.collect(database, storage)

    assert types(database, lease.job_id)[-1] == "checkpoints_expired"
    assert set(places(storage, lease)) == {"artifact"}


@pytest.mark.parametrize(("kept", "path"), [(Kept.LOGS, "logs"), (Kept.LOGS, "logs?last=1"), (Kept.METRICS, "metrics")])
def test_rows_go_in_pieces_and_are_told_once(
    database: Database,
    storage: Storage,
    spec: JobSpec,
    service: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    kept: Kept,
    path: str,
) -> None:
    monkeypatch.setattr(retention, "_MAX_ROWS", 1)
    lease = train(database, storage, spec)
    assert service.get(f"/jobs/{lease.job_id}/{path}").status_code == 200
    keep(database, **{f"keep_{kept}_days": 7})

    retention.collect(database, storage)

    assert types(database, lease.job_id).count(f"{kept}_expired") == 1
    answer = service.get(f"/jobs/{lease.job_id}/{path}")
    assert (answer.status_code, answer.json()["code"]) == (410, "expired")


def test_what_has_expired_is_told_from_what_never_was(
    database: Database, storage: Storage, spec: JobSpec, service: TestClient
) -> None:
    lease, waiting = train(database, storage, spec), claim_submitted(database, spec)
    keep(database, keep_artifacts_days=7, keep_checkpoints_days=7, keep_logs_days=7)

    retention.collect(database, storage)

    paths = ["artifacts", "artifacts/adapter/weights", "archive", "checkpoints", "checkpoints/1/archive"]
    paths += ["logs", "logs?last=10"]
    assert {service.get(f"/jobs/{lease.job_id}/{path}").status_code for path in paths} == {410}
    assert service.get(f"/jobs/{waiting.job_id}/artifacts").status_code == 409
    assert service.get(f"/jobs/{waiting.job_id}/checkpoints/1/archive").status_code == 404
    assert {service.get(f"/jobs/{waiting.job_id}/{path}").status_code for path in ("checkpoints", "logs?last=1")} == {
        200
    }


def test_what_a_job_still_trains_on_is_kept(database: Database, storage: Storage, spec: JobSpec) -> None:
    first = train(database, storage, spec)
    with database.reading() as session:
        name = str(ModelName.of(jobs.get(session, first.job_id)))
    second = claim_submitted(database, spec.model_copy(update={"base_model": name}))
    keep(database, keep_artifacts_days=7, keep_checkpoints_days=7, keep_jobs_days=7)
    assert due(database) == []

    with database.writing() as session:
        leases.cancel(session, second)

    assert {one.id for one in due(database)} == {first.job_id}


def test_what_a_model_that_is_kept_stands_on_is_kept_with_it(
    database: Database, storage: Storage, spec: JobSpec
) -> None:
    first = train(database, storage, spec)
    with database.reading() as session:
        name = str(ModelName.of(jobs.get(session, first.job_id)))
    train(database, storage, spec.model_copy(update={"base_model": name}), days_ago=1)
    keep(database, keep_artifacts_days=7)

    assert due(database) == []


def test_a_job_that_was_retried_meanwhile_keeps_what_it_has(
    database: Database, storage: Storage, spec: JobSpec
) -> None:
    lease = train(database, storage, spec)
    with database.writing() as session:
        session.execute(update(Job).values(status="failed"))
    keep(database, keep_checkpoints_days=7)
    [one] = due(database)
    with database.writing() as session:
        jobs.retry(session, lease.job_id)

    retention.retire(database, storage, one)

    assert "checkpoints" in places(storage, lease)
    with database.reading() as session:
        assert len(checkpoints.of_job(session, lease.job_id)) == 1


def test_a_model_that_is_trained_on_since_it_was_found_due_is_kept(
    database: Database, storage: Storage, spec: JobSpec
) -> None:
    lease = train(database, storage, spec)
    keep(database, keep_artifacts_days=7)
    [one] = due(database)
    with database.reading() as session:
        name = str(ModelName.of(jobs.get(session, lease.job_id)))
    claim_submitted(database, spec.model_copy(update={"base_model": name}))

    retention.retire(database, storage, one)

    assert "artifact" in places(storage, lease)


def test_the_folders_of_a_job_that_was_retried_since_its_record_was_due_are_left_alone(
    database: Database, storage: Storage, spec: JobSpec
) -> None:
    lease = train(database, storage, spec)
    with database.writing() as session:
        session.execute(update(Job).values(status="failed"))
    keep(database, keep_jobs_days=7)
    [one] = due(database)
    with database.writing() as session:
        jobs.retry(session, lease.job_id)
    before = places(storage, lease)

    retention.retire(database, storage, one)

    assert places(storage, lease) == before != []


def test_datasets_go_once_no_job_has_used_them_for_long(database: Database, storage: Storage, spec: JobSpec) -> None:
    with database.writing() as session:
        session.execute(update(StoredFile).values(created_at=from_now(-86_400 * 30)))
    keep(database, keep_datasets_days=7)
    lease = train(database, storage, spec, days_ago=4)
    assert due(database) == []

    end(database, lease.job_id, days_ago=8)
    assert [(one.kept, one.id) for one in due(database)] == [(Kept.DATASETS, "file-1")]
    retention.collect(database, storage)

    with database.reading() as session:
        assert session.scalars(select(StoredFile.id).where(StoredFile.expires_at <= from_now())).all() == ["file-1"]
    assert due(database) == []


@EVERY_KIND
def test_the_record_of_a_job_goes_with_everything_that_names_it(
    database: Database, storage: Storage, spec: JobSpec, service: TestClient
) -> None:
    add_endpoint(database)
    lease, other = train(database, storage, tracked(spec)), train(database, storage, spec, days_ago=1)
    with database.writing() as session:
        results.record(session, jobs.get(session, lease.job_id), PurePosixPath("artifact"), Manifest(files=()))
    keep(database, keep_jobs_days=7)
    assert tables_that_do_not_name(database, lease.job_id) == []

    retention.collect(database, storage)

    assert service.get(f"/jobs/{lease.job_id}").status_code == 404
    assert places(storage, lease) == []
    assert service.get(f"/jobs/{other.job_id}/artifacts").status_code == 200
    assert tables_that_do_not_name(database, lease.job_id) == tables_of_jobs()


def tables_of_jobs() -> list[Any]:
    return [table for table in Job.metadata.sorted_tables if "job_id" in table.c]


def tables_that_do_not_name(database: Database, job_id: str) -> list[Any]:
    with database.reading() as session:
        named = {
            table: session.scalar(select(func.count()).select_from(table).where(table.c.job_id == job_id))
            for table in tables_of_jobs()
        }
    return [table for table, number in named.items() if not number]


@EVERY_KIND
def test_the_record_of_a_job_takes_its_event_file_along(
    database: Database, storage: Storage, spec: JobSpec, tmp_path: Path
) -> None:
    lease = train(database, storage, tracked(spec))
    place = storage.event_file(DEFAULT_PROJECT, lease.job_id)
    place.parent.mkdir(parents=True)
    (tmp_path / "events").write_text("e")
    storage.publish(tmp_path / "events", place)
    keep(database, keep_jobs_days=7)

    retention.collect(database, storage)

    assert storage.files(storage.root / "tensorboard") == []


def test_the_record_of_a_job_takes_along_who_may_use_its_models(
    database: Database, storage: Storage, spec: JobSpec
) -> None:
    lease, other = train(database, storage, spec), train(database, storage, spec, days_ago=1)
    with database.writing() as session:
        gone, kept = (str(ModelName.of(jobs.get(session, one.job_id))) for one in (lease, other))
        for model in (gone, f"{gone}:ckpt-step-1", kept):
            permissions.add(session, model, [projects.add(session, "others").id])
    keep(database, keep_jobs_days=7)

    retention.collect(database, storage)

    with database.reading() as session:
        assert list(session.scalars(select(CheckpointPermission.model))) == [kept]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("num_deleted", range(4))
def test_a_crash_leaves_no_row_without_its_file_and_is_mended_by_the_next_sweep(
    database: Database, storage: Storage, spec: JobSpec, monkeypatch: pytest.MonkeyPatch, num_deleted: int
) -> None:
    lease = train(database, storage, spec)
    keep(database, keep_jobs_days=7)
    delete, left = Storage.delete, num_deleted

    def delete_until_killed(self: Storage, place: Path) -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        delete(self, place)

    monkeypatch.setattr(Storage, "delete", delete_until_killed)
    try:
        retention.collect(database, storage)
    except Killed:
        with database.reading() as session:
            rows = [*session.scalars(select(Artifact)), *checkpoints.of_job(session, lease.job_id)]
        assert all((storage.run_dir(row.job_id, row.attempt) / row.path).exists() for row in rows)
    monkeypatch.setattr(Storage, "delete", delete)

    retention.collect(database, storage)

    assert not (storage.root / "jobs" / lease.job_id).exists()
    with database.reading() as session:
        assert session.get(Job, lease.job_id) is None
