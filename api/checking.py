"""Checking an uploaded file, by the trainer's own reader in a process of its own.

So the rules stand in one place, and no image of a stranger is decoded in the service itself.
"""

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import anyio

from store.remote import StorageFull
from trainer_core.contract.dataset import DatasetReport
from trainer_core.contract.environment import allowed


class DatasetRefused(Exception):
    """The file has rows or images that cannot be trained on."""

    def __init__(self, report: DatasetReport) -> None:
        self.report = report
        more = f" (and {report.num_faults - 1} more)" if report.num_faults > 1 else ""
        super().__init__(f"{report.faults[0]}{more}")


class UncheckableDataset(Exception):
    """Checking the file took too long, or broke down."""


async def check(path: Path, *options: str | Path) -> DatasetReport:
    """Read every row and decode every image.

    Args:
        path: The file.
        options: See `python -m trainer_core.data --help`.

    Raises:
        DatasetRefused: Something in it has a fault; the report names the first ones by line, message and image.
        UncheckableDataset: The check broke down.
        StorageFull: There is no room for the rows in the form that training reads.
    """
    done = await _read(path, options)
    if done.returncode not in (0, 1) or not done.stdout:
        raise _broken_down(done)
    report = DatasetReport.model_validate_json(done.stdout)
    if report.num_faults:
        raise DatasetRefused(report)
    return report


async def named(path: Path, what: Literal["--addresses", "--uploads"]) -> list[str]:
    """Every address of an image that rows name, or every id of an uploaded one.

    Raises:
        UncheckableDataset: Reading the file broke down.
    """
    done = await _read(path, [what])
    if done.returncode != 0:
        raise _broken_down(done)
    return done.stdout.decode().splitlines()


async def _read(path: Path, options: Sequence[str | Path]) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "trainer_core.data", str(path), *map(str, options)]
    return await anyio.run_process(command, check=False, stderr=subprocess.PIPE, env=allowed(os.environ))


def _broken_down(done: subprocess.CompletedProcess[bytes]) -> UncheckableDataset | StorageFull:
    reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
    if reason[0].endswith(os.strerror(errno.ENOSPC)):
        return StorageFull()
    return UncheckableDataset(f"checking the file ended with exit code {done.returncode}: {reason[0]}")
