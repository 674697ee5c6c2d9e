"""What a worker does to find out about a job, with a reporter that does what a test says."""

import math
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store import drains, inspections, jobs
from store.database import Database
from store.doorbell import Bell
from store.files import Storage
from store.lifecycle import JobStatus
from tests.patience import PATIENCE_SECONDS, until
from tests.unit.kinds import ON_A_BUCKET
from tests.unit.worker.counting_doorbell import CountingDoorbell
from tests.unit.worker.processes import is_running
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import JobSpec
from worker.inspection import Inspections
from worker.settings import WorkerSettings
from worker.warm import Warm

SCRIPT = """
import json, os, time
from pathlib import Path
from trainer_core.training.lifeline import die_with_line
from trainer_core.warm import serve
def leave_pid(path):
    with open(path, "a") as file:
        print(os.getpid(), file=file)
def carry_out(order, line):
    die_with_line(line)
    leave_pid({pids!r})
    spec = json.loads(Path(order.spec).read_text())
    {does}
leave_pid({warm!r})
serve(carry_out)
"""
ANSWERS = """
    Path(order.report).write_text('{"is_valid": true, "warnings": [' + json.dumps(spec["train_dataset"]) + ']}')
    return 0
"""
BREAKS_DOWN = "return 70"
DIES = "os._exit(3)"
HANGS = "time.sleep(600)"


@pytest.fixture
def pids_path(tmp_path: Path) -> Path:
    """Of those who make reports."""
    return tmp_path / "pids"


@pytest.fixture
def warm_pids_path(tmp_path: Path) -> Path:
    """Of those from whom they are forked."""
    return tmp_path / "warm-pids"


Make = Callable[..., Inspections]


@pytest.fixture
def make(
    settings: WorkerSettings,
    database: Database,
    storage: Storage,
    doorbell: CountingDoorbell,
    pids_path: Path,
    warm_pids_path: Path,
) -> Iterator[Make]:
    """Makes what is under test, whose reports are made as a script says."""
    warms = []

    def made(script: str, **changes: float) -> Inspections:
        program = SCRIPT.format(pids=str(pids_path), warm=str(warm_pids_path), does=script)
        warms.append(Warm([sys.executable, "-c", program], os.environ, math.inf))
        changed = settings.model_copy(update=changes)
        return Inspections(changed, database, storage, doorbell, warms[-1])  # type: ignore[arg-type]

    yield made
    for warm in warms:
        warm.end()


@pytest.fixture
def job_id(database: Database, spec: JobSpec) -> str:
    with database.writing() as session:
        return inspections.submit(session, spec).id


def status(database: Database, job_id: str) -> JobStatus:
    with database.reading() as session:
        return jobs.get(session, job_id).status


def report_of(database: Database, job_id: str) -> JobReport:
    with database.reading() as session:
        return inspections.of_job(session, job_id)


def pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_until_gone(path: Path) -> None:
    """Return once none of those whose ids are there is left; they were told to end, if they had begun."""
    until(lambda: not any(is_running(pid) for pid in pids(path)))


def test_a_job_is_looked_at_and_queued(
    make: Make, database: Database, job_id: str, doorbell: CountingDoorbell, storage: Storage
) -> None:
    looker = make(ANSWERS)

    looker.run_due()
    looker.stop()

    assert status(database, job_id) == JobStatus.QUEUED
    assert report_of(database, job_id).warnings == (str(storage.dataset_path("file-1")),)
    assert doorbell.rung == [Bell.JOBS]


def test_a_drained_worker_looks_at_nothing(make: Make, database: Database, job_id: str) -> None:
    with database.writing() as session:
        drains.ask(session, drains.EVERY_WORKER, gives_back=False)
    looker = make(ANSWERS)

    looker.run_due()
    looker.stop()

    assert status(database, job_id) == JobStatus.VALIDATING


def test_one_warm_process_makes_several_reports(
    make: Make, database: Database, spec: JobSpec, pids_path: Path, warm_pids_path: Path
) -> None:
    with database.writing() as session:
        job_ids = [inspections.submit(session, spec).id for _ in range(3)]
    looker = make(ANSWERS)

    looker.run_due()
    looker.stop()

    assert {status(database, one) for one in job_ids} == {JobStatus.QUEUED}
    assert (len(pids(pids_path)), len(pids(warm_pids_path))) == (3, 1)


def test_stopping_leaves_no_process(make: Make, job_id: str, pids_path: Path) -> None:  # noqa: ARG001
    looker = make(ANSWERS)
    looker.run_due()

    looker.stop()

    wait_until_gone(pids_path)


@pytest.fixture
def _much_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that looks again slowly must not find that later has come."""
    monkeypatch.setattr(inspections, "_AGAIN_SECONDS", 3600)


@pytest.mark.usefixtures("_much_later")
@pytest.mark.parametrize("script", [BREAKS_DOWN, DIES])
def test_a_report_that_breaks_down_is_tried_again_later(
    make: Make, database: Database, job_id: str, script: str
) -> None:
    make(script).run_due()

    with database.reading() as session:
        assert status(database, job_id) == JobStatus.VALIDATING
        assert not inspections.is_anything_due(session)


@pytest.mark.usefixtures("_much_later")
def test_a_report_that_breaks_down_is_counted(make: Make, job_id: str) -> None:  # noqa: ARG001
    looker = make(BREAKS_DOWN)

    looker.run_due()

    assert looker.num_broken == 1


def test_a_reporter_that_takes_too_long_is_ended(make: Make, job_id: str, pids_path: Path) -> None:  # noqa: ARG001
    make(HANGS, inspection_seconds=2).run_due()

    wait_until_gone(pids_path)


def test_a_reporter_ends_when_its_job_is_cancelled(
    make: Make, database: Database, job_id: str, pids_path: Path
) -> None:
    looker = make(HANGS, beat_seconds=0.1)
    thread = threading.Thread(target=looker.run_due)
    thread.start()
    until(lambda: pids(pids_path))

    with database.writing() as session:
        jobs.request_cancel(session, job_id)
    thread.join(PATIENCE_SECONDS)

    assert not thread.is_alive()
    wait_until_gone(pids_path)


@ON_A_BUCKET
def test_a_job_is_looked_at_on_a_copy_of_its_rows(
    make: Make, database: Database, spec: JobSpec, storage: Storage, tmp_path: Path
) -> None:
    (tmp_path / "rows").write_text("rows")
    storage.publish(tmp_path / "rows", storage.dataset_path(spec.train_dataset))
    with database.writing() as session:
        job_id = inspections.submit(session, spec).id
    looker = make(ANSWERS)

    looker.run_due()
    looker.stop()

    [path] = report_of(database, job_id).warnings
    assert Path(path).read_text() == "rows"


@pytest.mark.usefixtures("_much_later")
@ON_A_BUCKET
def test_a_job_whose_rows_cannot_be_fetched_is_looked_at_again_later(
    make: Make, database: Database, job_id: str
) -> None:
    make(ANSWERS).run_due()

    with database.reading() as session:
        assert status(database, job_id) == JobStatus.VALIDATING
        assert not inspections.is_anything_due(session)


def test_a_base_model_that_is_gone_is_told(make: Make, database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        job_id = inspections.submit(session, spec.model_copy(update={"base_model": "gone"})).id

    make(ANSWERS).run_due()

    problem = report_of(database, job_id).problem
    assert problem is not None
    assert problem.code == "base_model_unusable"
    assert status(database, job_id) == JobStatus.FAILED


TAKES_MEMORY = """
    held = []
    for _ in range(60):
        held.append(bytearray(os.urandom(4096) * 2560))
        time.sleep(0.005)
    time.sleep(600)
"""


def test_a_report_that_takes_too_much_memory_is_ended_and_is_the_job_s_own_fault(
    make: Make, database: Database, job_id: str, pids_path: Path
) -> None:
    make(TAKES_MEMORY, trainer_memory_bytes=300_000_000).run_due()

    with database.reading() as session:
        job = jobs.get(session, job_id)
    assert (job.status, job.failure_code) == (JobStatus.FAILED, "out_of_memory")
    wait_until_gone(pids_path)
