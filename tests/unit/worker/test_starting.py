"""One attempt whose trainer was forked from one that was there before, or would have been."""

import os
import socket
from collections.abc import Iterator
from signal import SIGKILL

import pytest

from store.database import Database
from store.files import Storage
from store.leases import Lease
from store.lifecycle import JobStatus
from tests.patience import PATIENCE_SECONDS, until
from tests.unit.worker.processes import is_running
from tests.unit.worker.test_runner import PROGRAM, Attempt, cancelled_once_it_has_a_child, job_of, log_of
from worker import starting
from worker.runner import Runner
from worker.settings import WorkerSettings
from worker.warm import Warm


@pytest.fixture
def warm_attempt(
    settings: WorkerSettings, database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Attempt]:
    """Makes the runner of a lease that has a line to a trainer which was started before."""
    monkeypatch.setattr("worker.runner._WARM_SECONDS", PATIENCE_SECONDS)
    warms: list[Warm] = []

    def make(lease: Lease, script: str, chosen: WorkerSettings = settings) -> Runner:
        playing = chosen.model_copy(update={"trainer_command": (*PROGRAM, script)})
        warms.append(Warm(playing.trainer_command, os.environ, 600))
        return Runner(playing, database, storage, lease, line=warms[-1].line())

    yield make
    for warm in warms:
        warm.end()


def test_a_trainer_that_is_warm_is_used(database: Database, lease: Lease, warm_attempt: Attempt) -> None:
    warm_attempt(lease, "succeed").run()

    assert job_of(database, lease).status == JobStatus.SUCCEEDED
    assert log_of(database, lease)[0].startswith("warm ")


def test_without_one_the_trainer_is_started(
    settings: WorkerSettings, database: Database, storage: Storage, lease: Lease
) -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    playing = settings.model_copy(update={"trainer_command": (*PROGRAM, "succeed")})

    Runner(playing, database, storage, lease, line=ours).run()

    assert job_of(database, lease).status == JobStatus.SUCCEEDED
    assert log_of(database, lease) == ["a line for the log"]


def test_a_warm_trainer_that_dies_without_a_word_is_an_infrastructure_fault(
    database: Database, lease: Lease, warm_attempt: Attempt
) -> None:
    warm_attempt(lease, "die").run()

    job = job_of(database, lease)
    assert (job.status, job.infra_failures) == (JobStatus.QUEUED, 1)


def test_a_warm_trainer_that_does_not_listen_is_killed(
    database: Database, lease: Lease, warm_attempt: Attempt, impatient: WorkerSettings
) -> None:
    child = cancelled_once_it_has_a_child(database, warm_attempt(lease, "ignore", impatient), lease)

    assert job_of(database, lease).status == JobStatus.CANCELLED
    until(lambda: not is_running(child))


def test_a_warm_trainer_sees_no_credential(
    database: Database, lease: Lease, warm_attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEYARD_DATABASE_URL", "secret")

    warm_attempt(lease, "environment").run()

    assert "TUNEYARD_DATABASE_URL" not in " ".join(log_of(database, lease))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_a_trainer_leaves_behind_holds_nobody_up(
    settings: WorkerSettings, database: Database, storage: Storage, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "_REST_SECONDS", 0.1)  # the trainer's last words may be lost: either outcome is one
    playing = settings.model_copy(update={"trainer_command": (*PROGRAM, "leave")})

    Runner(playing, database, storage, lease).run()

    assert job_of(database, lease).status != JobStatus.RUNNING
    os.kill(int((storage.run_dir(lease.job_id, lease.attempt) / "left").read_text()), SIGKILL)
