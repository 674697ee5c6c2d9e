"""The reporter as a worker runs it: warm, one process a report, gone when its stdin closes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from trainer_core.contract.report import JobReport, ReportOrder
from trainer_core.contract.spec import JobSpec


@pytest.fixture(scope="module")
def reporter() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "trainer_core.reporter"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def answer(reporter: subprocess.Popen[str], spec: Path, report: Path) -> str:
    assert reporter.stdin is not None
    assert reporter.stdout is not None
    reporter.stdin.write(ReportOrder(spec=str(spec), report=str(report)).model_dump_json() + "\n")
    reporter.stdin.flush()
    return reporter.stdout.readline().strip()


@pytest.fixture
def spec_path(starter_dir: Path, shades_file: Path, tmp_path: Path) -> Path:
    path = tmp_path / "spec.json"
    path.write_text(JobSpec(base_model=str(starter_dir), train_dataset=str(shades_file)).model_dump_json())
    return path


def test_it_makes_reports_one_after_the_other(reporter: subprocess.Popen[str], spec_path: Path, tmp_path: Path) -> None:
    paths = [tmp_path / "first.json", tmp_path / "second.json"]

    codes = [answer(reporter, spec_path, path) for path in paths]

    assert codes == ["0", "0"]
    assert all(JobReport.model_validate_json(path.read_bytes()).is_valid for path in paths)


def test_one_that_breaks_down_takes_no_other_with_it(
    reporter: subprocess.Popen[str], spec_path: Path, tmp_path: Path
) -> None:
    broken = answer(reporter, tmp_path / "nowhere.json", tmp_path / "report.json")

    assert (broken, answer(reporter, spec_path, tmp_path / "report.json")) == ("70", "0")


def test_it_ends_with_whoever_wanted_reports(reporter: subprocess.Popen[str]) -> None:
    assert reporter.stdin is not None
    reporter.stdin.close()

    assert reporter.wait(30) == 0
    assert not psutil.pid_exists(reporter.pid)
