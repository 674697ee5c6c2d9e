"""Jobs that a worker claims while it is told to stop."""

import json
import os
import sys
from contextlib import nullcontext

import pytest

from store import drains, jobs
from store.database import Database
from store.files import Storage
from store.lifecycle import JobStatus
from tests.unit.queued import submit_queued
from tests.unit.worker.processes import SCRIPTED
from trainer_core.contract.spec import JobSpec
from worker.attempt import Attempts
from worker.settings import WorkerSettings
from worker.slots import Slots
from worker.spare import RunnerProcess, Spare
from worker.warm import Warm


@pytest.fixture
def attempts(settings: WorkerSettings, database: Database, storage: Storage, _runners_are_told: None) -> Attempts:
    warm = Warm([sys.executable, str(SCRIPTED), "succeed"], os.environ, 0)
    return Attempts(settings, database, Slots(storage.root / "slots", 1), warm)


def test_a_job_whose_runner_is_told_to_end_before_it_has_begun_goes_back_uncharged(
    attempts: Attempts, database: Database, spec: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEYARD_TRAINER_COMMAND", json.dumps([sys.executable, str(SCRIPTED), "obey"]))
    start = Spare.start

    def stopped_before(spare: Spare, *handed: object) -> RunnerProcess:
        attempts.drain()
        return start(spare, *handed)  # type: ignore[arg-type]

    monkeypatch.setattr(Spare, "start", stopped_before)
    with database.writing() as session:
        job_id = submit_queued(session, spec).id

    attempts.run_due()

    with database.reading() as session:
        job = jobs.get(session, job_id)
    assert (job.status, job.attempt, job.infra_failures) == (JobStatus.QUEUED, 1, 0)


def test_a_runner_that_ends_with_an_error_is_counted_and_its_job_charged(
    attempts: Attempts, database: Database, spec: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEYARD_NUM_SLOTS", "none")  # which its settings refuse
    with database.writing() as session:
        job_id = submit_queued(session, spec).id

    attempts.run_due()

    assert (attempts.num_started, attempts.num_broken) == (1, 1)
    with database.reading() as session:
        assert jobs.get(session, job_id).infra_failures == 1


def test_a_drained_worker_finds_nothing_due_and_lends_no_slot(
    attempts: Attempts, database: Database, spec: JobSpec
) -> None:
    with attempts.lend() or nullcontext() as lent:
        assert lent is not None
    with database.writing() as session:
        submit_queued(session, spec)
    assert attempts.is_anything_due()

    with database.writing() as session:
        drains.ask(session, drains.EVERY_WORKER, gives_back=False)

    assert not attempts.is_anything_due()
    assert attempts.lend() is None
