"""One attempt, with a real database, real files and a real process that plays the trainer."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from store import checkpoints, drains, events, jobs, leases, logs, metrics
from store.artifacts import of_job
from store.clock import from_now
from store.database import Database
from store.files import Storage
from store.leases import Lease, LeaseLost
from store.lifecycle import JobStatus
from store.tables import Attempt as AttemptRow
from store.tables import Job
from store.trained_models import ModelName
from tests.patience import until
from tests.unit.queued import claim_submitted
from tests.unit.worker.processes import is_running
from tests.unit.worker.saving import save
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.spec import JobSpec, Resources
from worker.runner import Runner
from worker.settings import WorkerSettings

PROGRAM = (sys.executable, str(Path(__file__).parent / "scripted_trainer.py"))

Attempt = Callable[..., Runner]


@pytest.fixture
def attempt(settings: WorkerSettings, database: Database, storage: Storage) -> Attempt:
    """Makes the runner of a lease, whose trainer plays a script."""

    def make(lease: Lease, script: str, chosen: WorkerSettings = settings) -> Runner:
        playing = chosen.model_copy(update={"trainer_command": (*PROGRAM, script)})
        return Runner(playing, database, storage, lease)

    return make


def job_of(database: Database, lease: Lease) -> Job:
    with database.reading() as session:
        return jobs.get(session, lease.job_id)


def log_of(database: Database, lease: Lease) -> list[str]:
    with database.reading() as session:
        return [line.line for line in logs.after(session, lease.job_id, 0, 100)]


def when_log_has(database: Database, lease: Lease, beginning: str, act: Callable[[str], None]) -> threading.Thread:
    """Call `act` with the rest of the first log line that begins so, as soon as it is there."""

    found: list[str] = []

    def look() -> bool:
        found[:] = [line.removeprefix(beginning) for line in log_of(database, lease) if line.startswith(beginning)]
        return bool(found)

    def wait() -> None:
        until(look)
        act(found[0])

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def cancelled_once_it_has_a_child(database: Database, runner: Runner, lease: Lease) -> int:
    """Run a trainer to its end that is cancelled once it has told of a child; the child's id."""
    children: list[int] = []

    def cancel(pid: str) -> None:
        children.append(int(pid))
        with database.writing() as session:
            jobs.request_cancel(session, lease.job_id)

    watcher = when_log_has(database, lease, "child ", cancel)
    runner.run()
    watcher.join()
    return children[0]


def test_a_run_that_succeeds_is_published(database: Database, storage: Storage, lease: Lease, attempt: Attempt) -> None:
    attempt(lease, "succeed").run()

    job = job_of(database, lease)
    folder = storage.run_dir(lease.job_id, 1) / of_job(job).path
    assert job.status == JobStatus.SUCCEEDED
    assert Manifest.load(folder).is_true_of(folder)


def test_every_step_is_kept(database: Database, lease: Lease, attempt: Attempt) -> None:
    attempt(lease, "succeed").run()

    with database.reading() as session:
        (loss,) = metrics.read(session, lease.job_id, names=["loss"])
    assert (loss.steps, loss.values) == ([1, 2, 3, 4], [1, 1 / 2, 1 / 3, 1 / 4])


def test_progress_is_that_of_the_last_step(database: Database, lease: Lease, attempt: Attempt) -> None:
    attempt(lease, "succeed").run()

    progress = job_of(database, lease).progress
    assert progress is not None
    assert (progress.step, progress.total_steps, progress.remaining_seconds) == (4, 4, 0)


def test_an_evaluation_is_a_metric(database: Database, lease: Lease, attempt: Attempt) -> None:
    attempt(lease, "succeed").run()

    with database.reading() as session:
        (loss,) = metrics.read(session, lease.job_id, names=["eval_loss"])
    assert (loss.steps, loss.values) == ([4], [0.25])


def test_a_checkpoint_is_listed(database: Database, lease: Lease, attempt: Attempt) -> None:
    attempt(lease, "succeed").run()

    with database.reading() as session:
        (checkpoint,) = checkpoints.of_job(session, lease.job_id)
    assert (checkpoint.step, checkpoint.metrics) == (4, {"loss": 0.5})


def test_what_the_trainer_writes_to_stderr_is_its_log(database: Database, lease: Lease, attempt: Attempt) -> None:
    attempt(lease, "succeed").run()

    assert log_of(database, lease) == ["a line for the log"]


def test_a_stray_line_on_stdout_is_log_too(database: Database, lease: Lease, attempt: Attempt) -> None:
    attempt(lease, "babble").run()

    assert log_of(database, lease) == ["no event at all"]
    assert job_of(database, lease).status == JobStatus.SUCCEEDED


def test_a_run_that_fails_tells_why(database: Database, lease: Lease, attempt: Attempt) -> None:
    attempt(lease, "fail").run()

    job = job_of(database, lease)
    assert (job.status, job.failure_code) == (JobStatus.FAILED, "out_of_memory")


def test_a_trainer_that_dies_without_a_word_is_an_infrastructure_fault(
    database: Database, lease: Lease, attempt: Attempt
) -> None:
    attempt(lease, "die").run()

    job = job_of(database, lease)
    assert (job.status, job.infra_failures) == (JobStatus.QUEUED, 1)


def test_a_cancelled_run_hears_the_word(database: Database, lease: Lease, attempt: Attempt) -> None:
    def cancel(_: str) -> None:
        with database.writing() as session:
            jobs.request_cancel(session, lease.job_id)

    watcher = when_log_has(database, lease, "pid ", cancel)
    attempt(lease, "obey").run()
    watcher.join()

    assert job_of(database, lease).status == JobStatus.CANCELLED
    assert log_of(database, lease)[1:] == ["heard cancel"]


def test_a_drained_run_goes_back_to_the_queue(database: Database, lease: Lease, attempt: Attempt) -> None:
    runner = attempt(lease, "obey")

    watcher = when_log_has(database, lease, "pid ", runner.drain)
    runner.run()
    watcher.join()

    job = job_of(database, lease)
    assert (job.status, job.infra_failures) == (JobStatus.QUEUED, 0)
    assert log_of(database, lease)[1:] == ["heard drain"]


def test_a_run_whose_worker_is_drained_by_a_row_goes_back_to_the_queue(
    database: Database, lease: Lease, attempt: Attempt
) -> None:
    def drain(_: str) -> None:
        with database.writing() as session:
            drains.ask(session, drains.EVERY_WORKER, gives_back=True)

    watcher = when_log_has(database, lease, "pid ", drain)
    attempt(lease, "obey").run()
    watcher.join()

    job = job_of(database, lease)
    assert (job.status, job.infra_failures) == (JobStatus.QUEUED, 0)


def test_a_paused_run_saves_and_waits(database: Database, lease: Lease, attempt: Attempt) -> None:
    with database.writing() as session:
        jobs.request_pause(session, lease.job_id)

    attempt(lease, "obey").run()

    job = job_of(database, lease)
    assert (job.status, job.infra_failures) == (JobStatus.PAUSED, 0)
    assert log_of(database, lease)[1:] == ["heard drain"]


def test_a_run_that_is_to_stop_and_save_succeeds(database: Database, lease: Lease, attempt: Attempt) -> None:
    with database.writing() as session:
        jobs.request_finish(session, lease.job_id)

    attempt(lease, "obey").run()

    assert job_of(database, lease).status == JobStatus.SUCCEEDED
    assert log_of(database, lease)[1:] == ["heard finish"]


def test_a_run_that_is_cancelled_while_it_pauses_is_cancelled(
    database: Database, lease: Lease, attempt: Attempt, settings: WorkerSettings
) -> None:
    patient_with_pauses = settings.model_copy(update={"word_grace_seconds": 0.1})

    def cancel(_: str) -> None:
        with database.writing() as session:
            jobs.request_cancel(session, lease.job_id)

    with database.writing() as session:
        jobs.request_pause(session, lease.job_id)
    watcher = when_log_has(database, lease, "child ", cancel)
    attempt(lease, "ignore", patient_with_pauses).run()
    watcher.join()

    assert job_of(database, lease).status == JobStatus.CANCELLED


def test_a_trainer_that_does_not_listen_is_killed_with_its_children(
    database: Database, lease: Lease, attempt: Attempt, impatient: WorkerSettings
) -> None:
    child = cancelled_once_it_has_a_child(database, attempt(lease, "ignore", impatient), lease)

    assert job_of(database, lease).status == JobStatus.CANCELLED
    until(lambda: not is_running(child))


def test_a_run_beyond_its_limit_fails(
    database: Database, spec: JobSpec, attempt: Attempt, impatient: WorkerSettings
) -> None:
    lease = claim_submitted(database, spec.model_copy(update={"resources": Resources(max_runtime_seconds=1)}))

    attempt(lease, "ignore", impatient).run()

    job = job_of(database, lease)
    assert (job.status, job.failure_code) == (JobStatus.FAILED, "max_runtime_exceeded")


def test_the_limit_of_a_run_counts_the_attempts_before(database: Database, spec: JobSpec, attempt: Attempt) -> None:
    claim_submitted(database, spec.model_copy(update={"resources": Resources(max_runtime_seconds=600)}))
    with database.writing() as session:
        session.execute(update(AttemptRow).values(started_at=from_now(-700)))
        session.execute(update(Job).values(lease_until=from_now(-1)))
        (expired,) = leases.expired(session)
        leases.charge(session, expired, "lost")
        session.execute(update(Job).values(not_before=from_now()))
        lease = leases.claim(session, worker="w", seconds=90)
    assert lease is not None

    attempt(lease, "obey").run()

    assert job_of(database, lease).failure_code == "max_runtime_exceeded"


def test_a_runner_whose_lease_could_not_be_renewed_kills_its_trainer_and_lets_go(
    database: Database, lease: Lease, attempt: Attempt, settings: WorkerSettings
) -> None:
    hasty = settings.model_copy(update={"lease_seconds": 0.01})

    attempt(lease, "ignore", hasty).run()

    job = job_of(database, lease)
    assert (job.status, job.infra_failures) == (JobStatus.QUEUED, 0)


def test_a_runner_that_lost_its_lease_kills_its_trainer_and_writes_nothing(
    database: Database, lease: Lease, attempt: Attempt
) -> None:
    trainers: list[int] = []

    def take_away(pid: str) -> None:
        trainers.append(int(pid))
        with database.writing() as session:
            leases.give_back(session, lease, "stopping")
            leases.claim(session, worker="another", seconds=90)

    watcher = when_log_has(database, lease, "pid ", take_away)
    with pytest.raises(LeaseLost):
        attempt(lease, "obey").run()
    watcher.join()

    job = job_of(database, lease)
    assert (job.status, job.worker, job.attempt) == (JobStatus.RUNNING, "another", 2)
    assert not is_running(trainers[0])


def test_a_second_attempt_resumes_from_the_newest_whole_checkpoint(
    database: Database, storage: Storage, lease: Lease, attempt: Attempt
) -> None:
    for step in (10, 20):
        write_checkpoint(database, storage, lease, step)
    torn = storage.run_dir(lease.job_id, 1) / "checkpoints/step-20/model.safetensors"
    torn.write_text("torn")

    attempt(lease, "resume").run()

    whole = storage.run_dir(lease.job_id, 1) / "checkpoints/step-10"
    assert log_of(database, lease) == [f"resumed from {whole}"]


def test_a_first_attempt_resumes_from_nothing(database: Database, lease: Lease, attempt: Attempt) -> None:
    attempt(lease, "resume").run()

    assert log_of(database, lease) == ["resumed from nothing"]


def test_a_trainer_sees_no_credential(
    database: Database, lease: Lease, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TUNEYARD_DATABASE_URL", "TUNEYARD_BROKER_URL", "AWS_SECRET_ACCESS_KEY", "PASSWORD"):
        monkeypatch.setenv(name, "secret")

    attempt(lease, "environment").run()

    (names,) = log_of(database, lease)
    assert not {"TUNEYARD_DATABASE_URL", "TUNEYARD_BROKER_URL", "AWS_SECRET_ACCESS_KEY", "PASSWORD"} & {*names.split()}


def test_a_base_model_that_is_gone_fails_the_job(
    database: Database, storage: Storage, lease: Lease, attempt: Attempt
) -> None:
    (storage.root / "models" / "starter" / "config.json").unlink()

    attempt(lease, "succeed").run()

    assert job_of(database, lease).failure_code == "base_model_unusable"


def test_a_run_that_goes_on_from_another_jobs_model_has_its_own_copy(
    database: Database, storage: Storage, spec: JobSpec, lease: Lease, attempt: Attempt
) -> None:
    attempt(lease, "succeed").run()
    name = str(ModelName.of(job_of(database, lease)))
    second = claim_submitted(database, spec.model_copy(update={"base_model": name}))

    attempt(second, "succeed").run()

    run_dir = storage.run_dir(second.job_id, 1)
    resolved = JobSpec.model_validate_json((run_dir / "spec.json").read_bytes())
    assert resolved.base_model == str(run_dir / "base" / name)
    assert Manifest.load(Path(resolved.base_model)).is_true_of(Path(resolved.base_model))
    assert job_of(database, second).status == JobStatus.SUCCEEDED


def test_the_story_of_a_run_is_told(database: Database, lease: Lease, attempt: Attempt) -> None:
    attempt(lease, "succeed").run()

    with database.reading() as session:
        story = [event.type for event in events.after(session, lease.job_id, 0, 100)]
    assert story == [
        "job_submitted",
        "job_queued",
        "attempt_started",
        "phase_entered",
        "run_started",
        "evaluation_completed",
        "checkpoint_saved",
        "run_succeeded",
        "job_succeeded",
    ]


def write_checkpoint(database: Database, storage: Storage, lease: Lease, step: int) -> None:
    saved = save(storage, lease, step)
    with database.writing() as session:
        checkpoints.record(session, lease, saved)


def test_a_runner_introduces_itself(database: Database, lease: Lease, attempt: Attempt) -> None:
    attempt(lease, "succeed").run()

    with database.reading() as session:
        row = session.scalars(select(AttemptRow)).one()
    assert row.runner_pid == os.getpid()
