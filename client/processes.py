"""The processes of one instance, found by their environment: whoever started them, and whoever has died since."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import psutil

from trainer_core.contract.role import ROLE_VARIABLE, STANDBY

INSTANCE_VARIABLE = "TUNEYARD_INSTANCE"
"""Environment variable that names the data folder, absolute."""
_SETTLED_SECONDS = 60.0
"""A process that is younger may be about to become another: it is forked, shows no environment for a moment, then its
own."""


class Role(StrEnum):
    """What a process of an instance is there for."""

    BROKER = "broker"
    MIGRATIONS = "migrations"
    STARTER = "starter"
    KEY = "key"
    API = "api"
    WORKER = "worker"
    TRACKING = "tracking"
    """Tells trackers and the hub; there is one where the operator offers them."""
    RUNNER = "runner"
    TRAINER = "trainer"
    CHAT = "chat"
    """Answers chats; it ends with its worker."""
    STANDBY = STANDBY
    """A runner or a trainer that waits for its job; it ends with its worker."""


Found = Mapping[str, list[psutil.Process]]
"""Processes by role."""


class Processes:
    """Finds the processes of an instance, again and again at little cost."""

    def __init__(self, data_dir: Path) -> None:
        self._instance = str(data_dir)
        self._strangers: set[psutil.Process] = set()
        """Seen before, and not ours: what a process is does not change once it has settled."""

    def by_role(self) -> Found:
        """Every process of the instance; one that has the role of its parent is a part of it and left out."""
        running = set(psutil.process_iter())
        self._strangers &= running
        roles = {process: role for process in running - self._strangers if (role := self._role(process))}
        role_of_pid = {process.pid: role for process, role in roles.items()}
        found: dict[str, list[psutil.Process]] = defaultdict(list)
        for process, role in sorted(roles.items(), key=lambda item: item[0].pid):
            if role_of_pid.get(_parent_pid(process)) != role:
                found[role].append(process)
        return found

    def _role(self, process: psutil.Process) -> str | None:
        try:
            environment = _environment(process)
            if environment.get(INSTANCE_VARIABLE) == self._instance:
                return environment.get(ROLE_VARIABLE, "").rstrip() or None
            if time.time() - process.create_time() > _SETTLED_SECONDS:
                self._strangers.add(process)
        except psutil.NoSuchProcess:
            pass
        return None


def end(processes: Iterable[psutil.Process], grace_seconds: float) -> None:
    """Ask processes to end, and kill those that have not after `grace_seconds`."""
    ending = list(processes)
    terminate(ending)
    _, left = psutil.wait_procs(ending, timeout=grace_seconds)
    kill(left)
    psutil.wait_procs(left)


def terminate(processes: Iterable[psutil.Process]) -> None:
    """Ask processes to end."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()


def kill(processes: Iterable[psutil.Process]) -> None:
    """End processes without asking."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _environment(process: psutil.Process) -> Mapping[str, str]:
    with suppress(psutil.AccessDenied):
        return process.environ()
    return {}


def _parent_pid(process: psutil.Process) -> int:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return 0
