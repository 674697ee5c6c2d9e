"""All that can go is found before it is deleted, and nothing else is."""

import os
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete

from store import garbage, stored_files, uploads
from store.database import Database
from store.file_tables import Purpose, StoredFile
from store.files import Storage
from store.garbage import Kind
from tests.unit.kinds import EVERY_KIND
from tests.unit.queued import claim_submitted
from tests.unit.store.test_retention import end, keep, train
from trainer_core.contract.spec import JobSpec

OLD_SECONDS = 40 * 86_400


def publish(storage: Storage, folder: Path, place: str) -> Path:
    (folder / "draft").write_text("123")
    storage.publish(folder / "draft", storage.root / place)
    return storage.root / place


def age(path: Path) -> None:
    then = time.time() - OLD_SECONDS
    os.utime(path, (then, then))


@EVERY_KIND
def test_orphans_are_found_first_and_deleted_when_asked(
    database: Database, storage: Storage, spec: JobSpec, tmp_path: Path
) -> None:
    lease = train(database, storage, spec)
    running = claim_submitted(database, spec)
    place = f"jobs/{lease.job_id}/attempt-1/checkpoints/.draft"
    publish(storage, tmp_path, place) if not storage.is_folder else None
    if storage.is_folder:
        (storage.root / place).write_text("123")
    unknown = storage.root / "jobs/ftjob-of-nobody/attempt-1/checkpoints/x"
    needed = storage.run_dir(running.job_id, 1) / "spec.json"
    for path in (unknown, needed):
        path.parent.mkdir(parents=True, exist_ok=True)
        publish(storage, tmp_path, path.relative_to(storage.root).as_posix())

    found = garbage.find(database, storage)

    orphans = {one.name: one.num_bytes for one in found if one.kind is Kind.ORPHAN}
    assert orphans == {place: 3, unknown.relative_to(storage.root).as_posix(): 3}
    assert storage.stat(unknown).st_size == 3
    assert garbage.collect(database, storage) == found
    assert garbage.find(database, storage) == []
    assert storage.stat(needed).st_size == 3


def test_a_file_whose_row_was_never_written_is_found_a_day_later(
    database: Database, storage: Storage, spec: JobSpec, tmp_path: Path
) -> None:
    with_row = publish(storage, tmp_path, f"datasets/{spec.train_dataset}.jsonl")
    young, old = (publish(storage, tmp_path, f"datasets/file-{name}.jsonl") for name in ("young", "old"))
    for path in (with_row, old):
        age(path)

    assert [(one.kind, one.name) for one in garbage.collect(database, storage)] == [
        (Kind.STRAY, "datasets/file-old.jsonl")
    ]
    assert (with_row.exists(), young.exists(), old.exists()) == (True, True, False)


def test_a_dataset_from_before_files_had_rows_of_their_own_is_no_stray(
    database: Database, storage: Storage, spec: JobSpec, tmp_path: Path
) -> None:
    age(publish(storage, tmp_path, f"datasets/{spec.train_dataset}.jsonl"))
    with database.writing() as session:
        session.execute(delete(StoredFile))

    assert garbage.find(database, storage) == []


def test_a_link_in_a_run_folder_that_leads_nowhere_is_an_orphan(database: Database, storage: Storage) -> None:
    link = storage.root / "jobs/ftjob-of-nobody/attempt-1/link"
    link.parent.mkdir(parents=True)
    link.symlink_to("nowhere")

    [found] = garbage.collect(database, storage)

    assert (found.kind, found.num_bytes, link.is_symlink()) == (Kind.ORPHAN, 0, False)


def test_what_no_run_has_read_for_a_month_leaves_the_caches(database: Database, storage: Storage) -> None:
    read, unread = (storage.cache_dir("proj_x") / "ab" / f"{name}.safetensors" for name in ("read", "unread"))
    read.parent.mkdir(parents=True)
    for path in (read, unread):
        path.write_text("123")
    age(unread)

    [found] = garbage.collect(database, storage)

    assert (found.kind, found.num_bytes) == (Kind.CACHE, 3)
    assert (read.exists(), unread.exists()) == (True, False)


def test_what_projects_keep_no_longer_is_listed_with_its_bytes(
    database: Database, storage: Storage, spec: JobSpec, service: TestClient
) -> None:
    lease = train(database, storage, spec)
    keep(database, keep_artifacts_days=7, keep_logs_days=7)

    listed = service.get("/garbage").json()

    assert [(one["kind"], one["name"], one["num_bytes"]) for one in listed["data"]] == [
        ("retention", f"artifacts {lease.job_id}", 5),
        ("retention", f"logs {lease.job_id}", 0),
    ]
    assert (listed["num_bytes"], listed["has_more"]) == (5, False)
    assert service.get(f"/jobs/{lease.job_id}/artifacts").status_code == 200
    assert service.delete("/garbage").json() == listed
    assert service.get(f"/jobs/{lease.job_id}/artifacts").status_code == 410
    assert service.get("/garbage").json()["data"] == []


def test_more_than_is_told_at_once_is_said_to_be_left(
    database: Database, storage: Storage, spec: JobSpec, service: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage, "MAX_FOUND", 1)
    monkeypatch.setattr("api.operations.MAX_FOUND", 1)
    for _ in range(2):
        end(database, train(database, storage, spec).job_id, days_ago=8)
    keep(database, keep_artifacts_days=7)

    answers = [service.delete("/garbage").json() for _ in range(3)]

    assert [(len(answer["data"]), answer["has_more"]) for answer in answers] == [(1, True), (1, True), (0, False)]


def test_parts_of_a_pending_upload_are_no_garbage(database: Database, storage: Storage, tmp_path: Path) -> None:
    with database.writing() as session:
        upload = uploads.add(
            session, purpose=Purpose.FINE_TUNE, filename="a", mime_type="text/plain", num_bytes=3, lives_seconds=None
        )
        uploads.add_part(session, upload.id, "part_1", 3)
    age(publish(storage, tmp_path, "files/part_1"))

    assert garbage.find(database, storage) == []


def test_a_file_that_a_waiting_job_needs_is_no_garbage(
    database: Database, storage: Storage, spec: JobSpec, tmp_path: Path
) -> None:
    age(publish(storage, tmp_path, f"datasets/{spec.train_dataset}.jsonl"))
    claim_submitted(database, spec)
    with database.writing() as session:
        stored_files.expire(session, spec.train_dataset)

    assert garbage.find(database, storage) == []
