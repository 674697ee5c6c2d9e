"""Checking an uploaded dataset, by the trainer's own reader in a process of its own.

So the rules stand in one place, and no image of a stranger is decoded in the service itself.
"""

import subprocess
import sys
from pathlib import Path

import anyio

from trainer_core.contract.dataset import DatasetReport


class DatasetRefused(Exception):
    """The dataset has rows that cannot be trained on."""

    def __init__(self, report: DatasetReport) -> None:
        self.report = report
        more = f" (and {report.num_faults - 1} more)" if report.num_faults > 1 else ""
        super().__init__(f"{report.faults[0]}{more}")


class UncheckableDataset(Exception):
    """Checking the dataset took too long, or broke down."""


async def check(path: Path, max_seconds: float) -> DatasetReport:
    """Read every row and decode every image.

    Raises:
        DatasetRefused: Some row has a fault; the report names the first ones by line, message and image.
        UncheckableDataset: The check did not come to an end.
    """
    command = [sys.executable, "-m", "trainer_core.data", str(path)]
    try:
        with anyio.fail_after(max_seconds):
            done = await anyio.run_process(command, check=False, stderr=subprocess.PIPE)
    except TimeoutError as error:
        raise UncheckableDataset(f"checking the dataset took longer than {max_seconds:.0f} s") from error
    if done.returncode not in (0, 1) or not done.stdout:
        reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        raise UncheckableDataset(f"checking the dataset ended with exit code {done.returncode}: {reason[0]}")
    report = DatasetReport.model_validate_json(done.stdout)
    if report.num_faults:
        raise DatasetRefused(report)
    return report
