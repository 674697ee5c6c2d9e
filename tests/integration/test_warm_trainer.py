"""The real trainer, kept warm as a worker keeps it: reports and runs of processes that it forks."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.test_trainer_process import spec_of
from trainer_core.contract.control import Control, ExitCode
from trainer_core.contract.events import RUN_EVENT, RunEvent, RunFailed, RunStopped, RunSucceeded, StepCompleted
from trainer_core.contract.orders import ReportOrder
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import JobSpec
from worker.reporter import BrokenDown, Reporter
from worker.settings import WorkerSettings
from worker.starting import Forked, hear_of
from worker.warm import Warm


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    one = Warm(WorkerSettings.model_fields["trainer_command"].default, os.environ, 600)
    yield one
    one.end()


@pytest.fixture
def spec_path(starter_dir: Path, shades_file: Path, tmp_path: Path) -> Path:
    return written(spec_of(starter_dir, shades_file, 2), tmp_path)


def written(spec: JobSpec, folder: Path) -> Path:
    path = folder / "spec.json"
    path.write_text(spec.model_dump_json())
    return path


def report(warm: Warm, spec: Path, path: Path) -> JobReport:
    order = ReportOrder(spec=str(spec), report=str(path), cache=str(path.parent / "cache"), cache_bytes=10**8)
    reporter = Reporter(warm, order)
    try:
        while not reporter.has_answered(60):
            pass
    finally:
        reporter.close()
    return JobReport.model_validate_json(path.read_bytes())


def start(warm: Warm, spec: Path, run_dir: Path, until: float | None = None, **environment: str) -> Forked:
    line = warm.line()
    pid = hear_of(line, 600)
    assert pid is not None
    arguments = [str(spec), "--run-dir", str(run_dir), "--supervised", str(until or time.monotonic() + 3600)]
    return Forked(line, pid, arguments, os.environ | environment, [])


def ended(process: Forked) -> tuple[int, list[RunEvent]]:
    """Its exit code, and what it says until then."""
    events = [RUN_EVENT.validate_json(line) for line in process.stdout]
    exit_code = process.wait()
    let_go(process)
    return exit_code, events


def let_go(process: Forked) -> None:
    """Close all pipes to it, as the kernel does when a runner is killed."""
    process.stdout.close()
    process.stderr.close()
    process.close()


def test_it_makes_reports_one_after_the_other(warm: Warm, spec_path: Path, tmp_path: Path) -> None:
    found = [report(warm, spec_path, tmp_path / f"{number}.json") for number in range(2)]

    assert [one.is_valid for one in found] == [True, True]
    assert found[0].train == found[1].train


def test_a_report_that_breaks_down_takes_no_other_with_it(warm: Warm, spec_path: Path, tmp_path: Path) -> None:
    with pytest.raises(BrokenDown, match="70"):
        report(warm, tmp_path / "nowhere.json", tmp_path / "report.json")

    assert report(warm, spec_path, tmp_path / "report.json").is_valid


def test_a_run_that_was_forked_succeeds_with_several_threads(warm: Warm, spec_path: Path, tmp_path: Path) -> None:
    report(warm, spec_path, tmp_path / "report.json")

    exit_code, events = ended(start(warm, spec_path, tmp_path / "run", OMP_NUM_THREADS="2"))

    assert exit_code == ExitCode.SUCCEEDED
    assert [event.step for event in events if isinstance(event, StepCompleted)] == [1, 2]
    assert isinstance(events[-1], RunSucceeded)


def test_a_run_that_was_forked_obeys_words(warm: Warm, starter_dir: Path, shades_file: Path, tmp_path: Path) -> None:
    process = start(warm, written(spec_of(starter_dir, shades_file, 6000), tmp_path), tmp_path / "run")
    next(line for line in process.stdout if isinstance(RUN_EVENT.validate_json(line), StepCompleted))

    process.stdin.write(f"{Control.CANCEL}\n")
    process.stdin.flush()

    exit_code, events = ended(process)
    assert exit_code == ExitCode.STOPPED
    assert isinstance(events[-1], RunStopped)


def test_a_run_that_was_forked_ends_with_its_lease(warm: Warm, spec_path: Path, tmp_path: Path) -> None:
    exit_code, events = ended(start(warm, spec_path, tmp_path / "run", until=0.001))

    assert exit_code < 0
    assert not any(isinstance(event, RunSucceeded) for event in events)


def test_a_run_that_was_forked_ends_with_its_runner(
    warm: Warm, starter_dir: Path, shades_file: Path, tmp_path: Path
) -> None:
    process = start(warm, written(spec_of(starter_dir, shades_file, 6000), tmp_path), tmp_path / "run")
    next(line for line in process.stdout if isinstance(RUN_EVENT.validate_json(line), StepCompleted))
    seen = psutil.Process(process.pid)

    let_go(process)

    assert psutil.wait_procs([seen], timeout=60)[1] == []


def test_a_bad_spec_is_a_failure_and_no_traceback(warm: Warm, tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text("{")

    process = start(warm, tmp_path / "spec.json", tmp_path / "run")

    log = process.stderr
    exit_code, events = process.wait(), [RUN_EVENT.validate_json(line) for line in process.stdout]
    assert exit_code == ExitCode.FAILED
    assert isinstance(events[-1], RunFailed)
    assert "Traceback" not in log.read()
    let_go(process)
