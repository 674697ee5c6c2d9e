"""Files that are deleted while a job is submitted on them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from store import inspections, stored_files
from store.database import Database
from store.datasets import DatasetNotFound
from store.stored_files import FileInUse
from tests.unit.locked import wait_for_lock
from trainer_core.contract.spec import JobSpec

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def submit(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        inspections.submit(session, spec)


def delete(database: Database, file_id: str) -> None:
    with database.writing() as session:
        stored_files.delete(session, file_id)


def test_a_file_that_a_job_is_being_submitted_on_is_not_deleted(database: Database, spec: JobSpec) -> None:
    with ThreadPoolExecutor() as pool:
        with database.writing() as session:
            inspections.submit(session, spec)
            deleting = pool.submit(delete, database, spec.train_dataset)
            wait_for_lock(database)

        with pytest.raises(FileInUse):
            deleting.result()


def test_no_job_is_submitted_on_a_file_that_is_being_deleted(database: Database, spec: JobSpec) -> None:
    with ThreadPoolExecutor() as pool:
        with database.writing() as session:
            stored_files.delete(session, spec.train_dataset)
            submitting = pool.submit(submit, database, spec)
            wait_for_lock(database)

        with pytest.raises(DatasetNotFound):
            submitting.result()


def test_two_jobs_are_submitted_on_a_file_at_the_same_time(database: Database, spec: JobSpec) -> None:
    with ThreadPoolExecutor() as pool, database.writing() as session:
        inspections.submit(session, spec)
        pool.submit(submit, database, spec).result(timeout=30)
