"""Records of a deployment, backed up, restored and brought to date by the programs that know the database."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from client.admin_deployment import environment_of
from client.deployment import Deployment
from client.errors import TuneyardError


class NoDeployment(TuneyardError):
    """There are no records here."""

    hint = "Name the database in TUNEYARD_DATABASE_URL, or a data folder with --data-dir"

    def __init__(self, data_dir: Path) -> None:
        super().__init__(f"{data_dir} holds no database, and TUNEYARD_DATABASE_URL names none")


class RecordsRefused(TuneyardError):
    """The program that knows the database has not done what it was asked."""


def back_up(data_dir: Path, path: Path) -> str:
    """Write a backup; what it holds, in words.

    Raises:
        NoDeployment, RecordsRefused: There is none.
    """
    return _run(_known(data_dir), "store.backup", str(path.absolute()))


def restore(data_dir: Path, path: Path) -> str:
    """Make an empty database from a backup, that of a new data folder too; what was restored, in words.

    Raises:
        RecordsRefused: Nothing was.
    """
    environment = environment_of(data_dir)
    if environment is None:
        data_dir.mkdir(parents=True, exist_ok=True)
        environment = Deployment(data_dir).environment
    return _run(environment, "migrations.restore", str(path.absolute()))


def upgrade(data_dir: Path, folder: Path) -> str:
    """Back up into a folder and bring the tables to date; what was done, in words.

    Raises:
        NoDeployment, RecordsRefused: The tables are as they were.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return _run(_known(data_dir), "migrations.upgrading", str(folder.absolute()))


def _known(data_dir: Path) -> Mapping[str, str]:
    environment = environment_of(data_dir)
    if environment is None:
        raise NoDeployment(data_dir)
    return environment


def _run(environment: Mapping[str, str], module: str, argument: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-m", module, argument],
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RecordsRefused((done.stderr.strip().splitlines() or [f"{module} ended with {done.returncode}"])[-1])
    return done.stdout.strip()
