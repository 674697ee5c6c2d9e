"""Whatever happened to a file, it is reported on: no crash, no hang, no memory without bound."""

import json
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit import peaks
from tests.unit.trainer_core.data import checking
from tests.unit.trainer_core.data.mutation import good_files, mutated
from trainer_core.contract.dataset import DatasetReport

FORMS = ["jsonl", "json", "parquet", "tar", "zip", "deflated", "bzip2", "lzma", "packed parquet", "packed tar"]


@dataclass(frozen=True)
class Checked:
    """What came of many runs."""

    runs: list[dict[str, Any]]
    code: int
    peak_bytes: int


def check(folder: Path) -> Checked:
    command = [sys.executable, "-m", peaks.__name__, checking.__name__, str(folder)]
    told = subprocess.run(command, capture_output=True, check=False)
    runs = [json.loads(line) for line in told.stdout.splitlines()]
    return Checked(runs, told.returncode, int(told.stderr.splitlines()[-1]))


def fault(run: dict[str, Any]) -> str | None:
    """What is wrong with what came of a run."""
    is_report = run["asked"] in ("--output", "--only-images")
    if run["code"] not in ((0, 1) if is_report else (0,)):
        return f"exit code {run['code']}: {run['word']}"
    if is_report:
        report = DatasetReport.model_validate_json(run["said"])
        if (run["code"] == 1) != bool(report.faults):
            return f"exit code {run['code']} with {report.num_faults} faults"
    return None


def assert_all_are_reported_on(folder: Path, number: int, form: str, seed: int) -> None:
    files = folder / "files"
    files.mkdir()
    good = good_files(folder)
    chance = random.Random(f"{form} {seed}")  # noqa: S311 - the same files each time
    for one in range(number):
        (files / f"{one:05}").write_bytes(mutated(good[form], [*good.values()], chance))

    checked = check(files)

    faults = {f"{run['file']} {run['asked']}": told for run in checked.runs if (told := fault(run))}
    assert faults == {}
    assert (checked.code, len(checked.runs)) == (0, 4 * number)
    assert checked.peak_bytes < 1_000_000_000


@pytest.mark.parametrize("form", FORMS)
def test_good_files_have_no_fault(tmp_path: Path, form: str) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "good").write_bytes(good_files(tmp_path)[form])

    run, *_ = check(files).runs

    assert DatasetReport.model_validate_json(run["said"]).faults == ()


@pytest.mark.parametrize("form", FORMS)
def test_every_broken_file_is_reported_on(tmp_path: Path, form: str) -> None:
    assert_all_are_reported_on(tmp_path, 40, form, 0)


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS)
def test_every_one_of_thousands_is(tmp_path: Path, form: str) -> None:
    assert_all_are_reported_on(tmp_path, 1000, form, 1)
