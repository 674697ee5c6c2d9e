"""Which deployment the commands of operators mean: the one that the environment names, or that a data folder holds."""

import os
from collections.abc import Mapping
from pathlib import Path

import psutil

from client.deployment import Deployment
from client.processes import Processes, Role

DATABASE = "tuneyard.db"
_DATABASE_VARIABLE = "TUNEYARD_DATABASE_URL"
_BROKER_VARIABLE = "TUNEYARD_BROKER_URL"


def environment_of(data_dir: Path) -> Mapping[str, str] | None:
    """What its programs are told; None if there is no deployment."""
    if _DATABASE_VARIABLE in os.environ:
        return os.environ
    if not (data_dir / DATABASE).exists():
        return None
    broker_url = _running_broker(data_dir)
    told = Deployment(data_dir).environment
    return told if broker_url is None else told | {_BROKER_VARIABLE: broker_url}


def has_broker(data_dir: Path) -> bool:
    """True if a broker is meant to run: that of an embedded service ends with it."""
    return _DATABASE_VARIABLE in os.environ or _running_broker(data_dir) is not None


def _running_broker(data_dir: Path) -> str | None:
    """Where the broker of a running embedded service answers: its password changes with each start."""
    found = Processes(data_dir).by_role()
    for process in (*found.get(Role.API, ()), *found.get(Role.WORKER, ())):
        try:
            return str(process.environ()[_BROKER_VARIABLE])
        except (psutil.Error, KeyError):
            continue
    return None
