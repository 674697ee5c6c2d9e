"""Expired files leave the storage, unless a job still needs them."""

from pathlib import Path

import pytest
from sqlalchemy import update

from store import expiry, inspections, jobs, stored_files
from store.clock import from_now
from store.database import Database
from store.file_tables import StoredFile
from store.files import Storage
from store.stored_files import StoredFileNotFound
from store.tables import Dataset
from tests.unit.kinds import EVERY_KIND
from trainer_core.contract.spec import JobSpec


def publish(storage: Storage, folder: Path, spec: JobSpec) -> Path:
    place = storage.dataset_path(spec.train_dataset)
    (folder / "rows").write_text("{}")
    storage.publish(folder / "rows", place)
    return place


def pass_a_minute(database: Database) -> None:
    """Let what has expired have expired a minute ago."""
    with database.writing() as session:
        session.execute(update(StoredFile).where(StoredFile.expires_at <= from_now()).values(expires_at=from_now(-61)))


@EVERY_KIND
def test_a_deleted_file_leaves_bytes_and_rows_behind_nowhere(
    database: Database, storage: Storage, spec: JobSpec, tmp_path: Path
) -> None:
    place = publish(storage, tmp_path, spec)
    with database.writing() as session:
        stored_files.delete(session, spec.train_dataset)
    pass_a_minute(database)

    expiry.collect(database, storage)

    with database.reading() as session:
        assert session.get(Dataset, spec.train_dataset) is None
        with pytest.raises(StoredFileNotFound):
            stored_files.get(session, spec.train_dataset)
    with pytest.raises(FileNotFoundError):
        storage.stat(place)


def test_what_has_not_expired_stays(database: Database, storage: Storage, spec: JobSpec, tmp_path: Path) -> None:
    place = publish(storage, tmp_path, spec)

    expiry.collect(database, storage)

    assert place.exists()


def test_what_has_just_expired_stays_for_a_job_that_may_be_on_its_way(
    database: Database, storage: Storage, spec: JobSpec, tmp_path: Path
) -> None:
    place = publish(storage, tmp_path, spec)
    with database.writing() as session:
        stored_files.expire(session, spec.train_dataset)

    expiry.collect(database, storage)

    assert place.exists()


def test_what_has_expired_stays_while_a_job_needs_it(
    database: Database, storage: Storage, spec: JobSpec, tmp_path: Path
) -> None:
    place = publish(storage, tmp_path, spec)
    with database.writing() as session:
        job_id = inspections.submit(session, spec).id
        stored_files.expire(session, spec.train_dataset)
    pass_a_minute(database)

    expiry.collect(database, storage)
    assert place.exists()

    with database.writing() as session:
        jobs.request_cancel(session, job_id)
    expiry.collect(database, storage)
    assert not place.exists()
