"""Attempts whose storage is a bucket, with real processes and a server that speaks S3."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from store import checkpoints, events, jobs, leases, logs
from store.clock import from_now
from store.database import Database
from store.files import Storage
from store.leases import Lease, LeaseLost
from store.lifecycle import JobStatus
from store.orphans import Orphans
from store.remote import Remote, StorageFull, StorageUnavailable
from store.tables import Attempt, Job
from tests.patience import PATIENCE_SECONDS
from tests.unit.kinds import ON_A_BUCKET
from tests.unit.queued import pass_inspection, submit_queued
from tests.unit.worker.saving import Gate, Refusing
from trainer_core.contract.line import say
from trainer_core.contract.spec import JobSpec
from worker import publishing
from worker.runner import Runner
from worker.settings import WorkerSettings
from worker.spare import Handover

pytestmark = ON_A_BUCKET
PROGRAM = (sys.executable, str(Path(__file__).parent / "scripted_trainer.py"))
ROW = json.dumps({"messages": [{"role": "user", "content": "which?"}, {"role": "assistant", "content": "7"}]})

MakeRunner = Callable[..., Runner]


@pytest.fixture
def lease(database: Database, storage: Storage, spec: JobSpec, tmp_path: Path) -> Lease:
    """The lease of a job on published rows."""
    (tmp_path / "rows").write_text(ROW)
    storage.publish(tmp_path / "rows", storage.dataset_path(spec.train_dataset))
    with database.writing() as session:
        submit_queued(session, spec)
    return claim(database)


def claim(database: Database) -> Lease:
    with database.writing() as session:
        session.execute(update(Job).values(not_before=from_now()))
        lease = leases.claim(session, worker="w", seconds=90)
    assert lease is not None
    return lease


@pytest.fixture
def attempt(settings: WorkerSettings, database: Database, storage: Storage) -> MakeRunner:
    """Makes the runner of a lease, whose trainer plays a script."""

    def make(lease: Lease, script: str = "succeed", on: Storage = storage, **changes: float) -> Runner:
        playing = settings.model_copy(update={"trainer_command": (*PROGRAM, script), **changes})
        return Runner(playing, database, on, lease)

    return make


def job_of(database: Database, lease: Lease) -> Job:
    with database.reading() as session:
        return jobs.get(session, lease.job_id)


def story(database: Database, lease: Lease) -> list[str]:
    with database.reading() as session:
        return [event.type for event in events.after(session, lease.job_id, 0, 100)]


def log_of(database: Database, lease: Lease) -> list[str]:
    with database.reading() as session:
        return [line.line for line in logs.after(session, lease.job_id, 0, 100)]


def num_checkpoints(database: Database, lease: Lease) -> int:
    with database.reading() as session:
        return len(checkpoints.of_job(session, lease.job_id))


def test_an_uploaded_dataset_is_trained_on_and_its_artifact_downloaded(
    service: TestClient,
    database: Database,
    storage: Storage,  # noqa: ARG001 - it has a base model
    attempt: MakeRunner,
) -> None:
    dataset = service.post("/datasets", content=ROW).json()
    service.post("/jobs", json={"base_model": "starter", "train_dataset": dataset["id"]})
    with database.writing() as session:
        pass_inspection(session)

    attempt(lease := claim(database)).run()

    url = f"/jobs/{lease.job_id}/artifacts"
    [file] = service.get(url).json()["files"]
    parts = [
        service.get(f"{url}/{file['path']}", headers={"Range": span}).content for span in ("bytes=0-2", "bytes=3-")
    ]
    assert job_of(database, lease).status == JobStatus.SUCCEEDED
    assert parts[0] == b"tra"
    assert hashlib.sha256(b"".join(parts)).hexdigest() == file["sha256"]


def test_the_trainer_reads_the_rows_that_were_uploaded(
    storage: Storage, database: Database, lease: Lease, attempt: MakeRunner
) -> None:
    attempt(lease).run()

    assert storage.dataset_path(job_of(database, lease).spec.train_dataset).read_text() == ROW


def test_a_run_is_told_as_it_is_where_the_storage_is_a_folder(
    database: Database, lease: Lease, attempt: MakeRunner
) -> None:
    attempt(lease).run()

    assert story(database, lease)[-5:] == [
        "run_started",
        "evaluation_completed",
        "checkpoint_saved",
        "run_succeeded",
        "job_succeeded",
    ]


def test_nothing_of_a_run_is_left_on_its_host(storage: Storage, lease: Lease, attempt: MakeRunner) -> None:
    attempt(lease).run()

    assert not storage.run_dir(lease.job_id, 1).exists()


def test_the_lease_is_renewed_while_an_upload_takes_long(
    database: Database, lease: Lease, attempt: MakeRunner, gate: Gate
) -> None:
    def open_after_a_beat() -> None:
        assert gate.is_reached.wait(PATIENCE_SECONDS)
        before = beat_of(database, lease)
        while beat_of(database, lease) == before:
            pass
        gate.open()

    watcher = threading.Thread(target=open_after_a_beat)
    watcher.start()
    attempt(lease, beat_seconds=0.1).run()
    watcher.join()

    assert job_of(database, lease).status == JobStatus.SUCCEEDED


def beat_of(database: Database, lease: Lease) -> object:
    with database.reading() as session:
        return session.scalar(select(Attempt.last_beat_at).where(Attempt.job_id == lease.job_id))


def test_a_job_is_cancelled_while_an_upload_takes_long(
    database: Database, lease: Lease, attempt: MakeRunner, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "_CLOSE_SECONDS", 0.1)

    def cancel() -> None:
        assert gate.is_reached.wait(PATIENCE_SECONDS)
        with database.writing() as session:
            jobs.request_cancel(session, lease.job_id)

    watcher = threading.Thread(target=cancel)
    watcher.start()
    attempt(lease).run()
    watcher.join()

    assert job_of(database, lease).status == JobStatus.CANCELLED
    gate.open()


def test_a_lease_that_is_lost_during_an_upload_leaves_no_row(
    database: Database,
    lease: Lease,
    attempt: MakeRunner,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publishing, "_CLOSE_SECONDS", 0.1)

    def take_away() -> None:
        assert gate.is_reached.wait(PATIENCE_SECONDS)
        with database.writing() as session:
            leases.give_back(session, lease, "stopping")

    watcher = threading.Thread(target=take_away)
    watcher.start()
    with pytest.raises(LeaseLost):
        attempt(lease, beat_seconds=0.1).run()
    watcher.join()

    job = job_of(database, lease)
    assert (job.status, job.artifact, num_checkpoints(database, lease)) == (JobStatus.QUEUED, None, 0)
    gate.open()


def test_a_checkpoint_that_the_storage_does_not_take_ends_no_run(
    database: Database, lease: Lease, attempt: MakeRunner, refuse: Refusing
) -> None:
    refuse("checkpoints", StorageFull(), 99)

    attempt(lease).run()

    assert (job_of(database, lease).status, num_checkpoints(database, lease)) == (JobStatus.SUCCEEDED, 0)
    assert story(database, lease).count("storage_full") == 1


def test_what_is_taken_at_the_second_try_is_published(
    database: Database, lease: Lease, attempt: MakeRunner, refuse: Refusing
) -> None:
    refuse("artifact", StorageUnavailable("busy"), 1)

    attempt(lease).run()

    assert job_of(database, lease).status == JobStatus.SUCCEEDED
    assert story(database, lease).count("storage_unavailable") == 1


def test_a_storage_without_room_for_the_artifact_fails_the_job(
    database: Database, lease: Lease, attempt: MakeRunner, refuse: Refusing
) -> None:
    refuse("artifact", StorageFull(), 99)

    attempt(lease).run()

    job = job_of(database, lease)
    assert (job.status, job.failure_code, job.artifact) == (JobStatus.FAILED, "storage_full", None)


def test_a_storage_that_does_not_answer_is_an_infrastructure_fault(
    database: Database, lease: Lease, attempt: MakeRunner, refuse: Refusing
) -> None:
    refuse("artifact", StorageUnavailable("no answer"), 99)

    attempt(lease).run()

    job = job_of(database, lease)
    assert (job.status, job.infra_failures, job.artifact) == (JobStatus.QUEUED, 1, None)


def test_a_dataset_that_cannot_be_fetched_is_an_infrastructure_fault(
    database: Database, lease: Lease, attempt: MakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers_nothing(*_: object) -> None:
        raise StorageUnavailable("no answer")

    monkeypatch.setattr(Remote, "_get", answers_nothing)

    attempt(lease).run()

    assert job_of(database, lease).infra_failures == 1


def test_an_attempt_on_another_host_resumes_from_the_newest_checkpoint(
    database: Database,
    storage_root: str,
    lease: Lease,
    attempt: MakeRunner,
    tmp_path: Path,
    refuse: Refusing,
) -> None:
    refuse("artifact", StorageUnavailable("no answer"), 3)
    attempt(lease).run()
    other = Storage(storage_root, tmp_path / "other")

    attempt(claim(database), "resume", on=other).run()

    resumed_from = other.run_dir(lease.job_id, 1) / "checkpoints/step-4"
    assert log_of(database, lease)[-1] == f"resumed from {resumed_from}"
    assert (resumed_from / "model.safetensors").read_text() == "4"


def test_a_job_is_cancelled_while_its_rows_are_fetched(
    database: Database, lease: Lease, attempt: MakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, is_open = Remote._get, threading.Event()  # noqa: SLF001 - where the server comes in

    def waiting(remote: Remote, path: str, target: Path, size: int) -> None:
        with database.writing() as session:
            jobs.request_cancel(session, lease.job_id)
        assert is_open.wait(PATIENCE_SECONDS)
        get(remote, path, target, size)

    monkeypatch.setattr(Remote, "_get", waiting)

    attempt(lease).run()

    assert job_of(database, lease).status == JobStatus.CANCELLED
    is_open.set()


def test_a_worker_that_stops_while_rows_are_fetched_gives_the_job_back(
    database: Database, lease: Lease, attempt: MakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_open = threading.Event()
    monkeypatch.setattr(Remote, "_get", lambda *_: is_open.wait(PATIENCE_SECONDS))
    runner = attempt(lease)
    runner.drain()

    runner.run()

    job = job_of(database, lease)
    assert (job.status, job.infra_failures) == (JobStatus.QUEUED, 0)
    is_open.set()


KILLED = """
import os, signal, sys
from store import leases
from store.remote import Remote
from worker import runner

left = [int(sys.argv[1])]

def killed(function):
    def step(*arguments, **named):
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return function(*arguments, **named)
    return step

Remote._put = killed(Remote._put)
leases.succeed = killed(leases.succeed)
sys.exit(runner.main())
"""


@pytest.mark.parametrize("num_steps", range(5))
def test_a_runner_killed_between_saving_and_its_row_leaves_nothing_that_counts(
    service: TestClient,
    database: Database,
    database_url: str,
    storage: Storage,
    storage_root: str,
    lease: Lease,
    attempt: MakeRunner,
    num_steps: int,
) -> None:
    settings = {
        "TUNEYARD_DATABASE_URL": database_url,
        "TUNEYARD_BROKER_URL": "redis://127.0.0.1:1/0",
        "TUNEYARD_STORAGE_ROOT": storage_root,
        "TUNEYARD_SCRATCH_DIR": str(storage.root),
        "TUNEYARD_TRAINER_COMMAND": json.dumps([*PROGRAM, "succeed"]),
    }
    to_runner, from_worker = socket.socketpair()
    with to_runner, from_worker:
        say(to_runner, Handover(lease=lease, environment={}, has_line=False).model_dump_json())
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(num_steps)],
            env=os.environ | settings,
            stdin=from_worker.fileno(),
            check=False,
        )
    answer = service.get(f"/jobs/{lease.job_id}/artifacts").json()
    with database.writing() as session:
        leases.charge(session, lease, "The runner was killed")
    attempt(claim(database)).run()
    with database.writing() as session:
        session.execute(update(Attempt).values(ended_at=from_now(-7200)))

    Orphans(database, storage).collect()

    named = num_checkpoints(database, lease) - 1
    left = storage.files(storage.run_dir(lease.job_id, 1))
    assert (killed.returncode, answer["code"]) == (-signal.SIGKILL, "job_not_finished")
    assert service.get(f"/jobs/{lease.job_id}/artifacts/model.safetensors").text == "trained"
    assert len(left) == 2 * named
