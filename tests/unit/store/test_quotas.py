"""What a project may use, and what is told of what it has used."""

import pytest
from sqlalchemy import update

from store import inspections, leases, projects, quotas, uploads
from store.clock import from_now
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.file_tables import Purpose
from store.project_tables import UsedHours
from store.quotas import QuotaExceeded
from store.tables import Attempt
from tests.unit.queued import claim_submitted
from trainer_core.contract.spec import JobSpec


def limit(database: Database, **limits: object) -> None:
    with database.writing() as session:
        projects.change(session, DEFAULT_PROJECT, **limits)


def submit(database: Database, spec: JobSpec) -> None:
    with database.writing(DEFAULT_PROJECT) as session:
        inspections.submit(session, spec)


def test_no_more_jobs_wait_than_the_project_may_have(database: Database, spec: JobSpec) -> None:
    limit(database, max_queued_jobs=2)
    submit(database, spec)
    submit(database, spec)

    with pytest.raises(QuotaExceeded, match="2 waiting jobs of the 2"):
        submit(database, spec)


def test_hours_of_ended_and_of_running_attempts_count(database: Database, spec: JobSpec) -> None:
    ended, running = claim_submitted(database, spec), claim_submitted(database, spec)
    with database.writing() as session:
        leases.succeed(session, ended)
        session.execute(update(UsedHours).values(slot_seconds=7200.0))
        session.execute(update(Attempt).where(Attempt.job_id == running.job_id).values(started_at=from_now(-3600)))

    with database.reading() as session:
        used = quotas.usage(session, DEFAULT_PROJECT)
    assert used.gpu_hours == pytest.approx(3.0, abs=0.1)
    assert [(day.gpu_hours, day.num_attempts) for day in used.days] == [(2.0, 1)]
    assert (used.num_queued_jobs, used.num_running_jobs) == (0, 1)


def test_an_attempt_counts_as_often_as_it_holds_slots(database: Database, spec: JobSpec) -> None:
    lease = claim_submitted(database, spec)
    with database.writing() as session:
        leases.occupy(session, lease, ["gpu-0", "gpu-1"])
        session.execute(update(Attempt).values(started_at=from_now(-3600)))
        leases.succeed(session, lease)

    with database.reading() as session:
        assert quotas.usage(session, DEFAULT_PROJECT).gpu_hours == pytest.approx(2.0, abs=0.1)


def test_a_project_without_hours_submits_nothing(database: Database, spec: JobSpec) -> None:
    limit(database, max_gpu_hours=0.0)

    with pytest.raises(QuotaExceeded, match="GPU hours"):
        submit(database, spec)


def test_a_full_storage_takes_neither_jobs_nor_files(database: Database, spec: JobSpec) -> None:
    limit(database, max_storage_bytes=10)  # as much as the dataset has

    with pytest.raises(QuotaExceeded, match="10 bytes of storage of the 10"):
        submit(database, spec)
    with database.reading(DEFAULT_PROJECT) as session, pytest.raises(QuotaExceeded):
        quotas.upload_room(session, 1000)


def test_parts_count_as_long_as_their_upload_is_pending(database: Database) -> None:
    told = []
    with database.writing(DEFAULT_PROJECT) as session:
        upload = uploads.add(
            session, purpose=Purpose.BATCH, filename="a", mime_type="text/plain", num_bytes=7, lives_seconds=None
        )
        uploads.add_part(session, upload.id, "part-1", 7)
        told.append(quotas.usage(session, DEFAULT_PROJECT).storage_bytes)
        uploads.cancel(session, upload.id)
        told.append(quotas.usage(session, DEFAULT_PROJECT).storage_bytes)

    assert told == [7, 0]


def test_the_room_of_an_upload_is_what_all_limits_leave(database: Database, spec: JobSpec) -> None:
    assert spec.train_dataset == "file-1"
    rooms = []
    for limits in ({}, {"max_upload_bytes": 50}, {"max_storage_bytes": 40}):
        limit(database, **limits)
        with database.reading(DEFAULT_PROJECT) as session:
            rooms.append(quotas.upload_room(session, 1000))

    assert rooms == [1000, 50, 30]
