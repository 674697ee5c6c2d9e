"""What a trainer and whatever it has started may take of their host together, and the end of them all.

The kernel bounds single processes (`trainer_core/confinement.py`); no limit of its own bounds a family of them, unless
a control group is there that is ours. So whoever supervises a trainer looks at it, several times a second.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGSTOP
from typing import Self

import psutil

from store.leases import Failure
from trainer_core.contract.errors import FailureCode
from worker.settings import WorkerSettings
from worker.starting import Process

_FAMILY_SECONDS = 0.5
"""How often its processes are looked for, which takes milliseconds."""
_DISK_SECONDS = 5.0
_SHARE = 0.9
"""Of the host's memory, and of the disk's free room, unless the operator says how much."""
_MAX_ROUNDS = 50
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True)
class Rations:
    """The most that one trainer may take."""

    memory_bytes: int
    num_processes: int
    disk_bytes: int

    @classmethod
    def of(cls, settings: WorkerSettings, folder: Path) -> Self:
        """What the settings say, or most of what is there: of the disk, where `folder` is."""
        disk = psutil.disk_usage(str(folder)).free if settings.trainer_disk_bytes is None else 0
        return cls(
            memory_bytes=settings.trainer_memory_bytes or int(_SHARE * host_memory_bytes()),
            num_processes=settings.trainer_processes,
            disk_bytes=settings.trainer_disk_bytes or int(_SHARE * disk),
        )


class Watch:
    """Looks at one trainer.

    Args:
        pid: Its process; what that has started counts too.
        folder: What it writes.
        rations: What it may take.
    """

    def __init__(self, pid: int, folder: Path, rations: Rations) -> None:
        self._pid = pid
        self._folder = folder
        self._rations = rations
        self._resident_allowed = rations.memory_bytes
        """Processes share pages, which are counted in each: so much more may be counted before that is told apart."""
        self._family_at = self._disk_at = 0.0

    def overdrawn(self) -> Failure | None:
        """Why the trainer must end, if it has taken more than it may."""
        now = time.monotonic()
        if now - self._family_at >= _FAMILY_SECONDS:
            self._family_at = now
            if found := self._of_family():
                return found
        if now - self._disk_at >= _DISK_SECONDS:
            self._disk_at = now
            return self._of_disk()
        return None

    def _of_family(self) -> Failure | None:
        processes = family(self._pid)
        if len(processes) > self._rations.num_processes:
            message = f"the run has started more than {self._rations.num_processes} processes, and was ended"
            return Failure(FailureCode.TOO_MANY_PROCESSES, message)
        if self._num_bytes(processes) > self._rations.memory_bytes:
            message = f"the run took more than {self._rations.memory_bytes / 1e9:.1f} GB of its host's memory"
            return Failure(FailureCode.OUT_OF_MEMORY, f"{message}; lower batch_size, or use LoRA")
        return None

    def _num_bytes(self, processes: Iterable[psutil.Process]) -> int:
        """What they hold together; too much only if that is so when shared pages are counted once."""
        resident = sum(_told(one, "memory_info", "rss") for one in processes)
        if resident <= self._resident_allowed:
            return 0
        held = sum(_told(one, "memory_full_info", "pss") for one in processes)
        self._resident_allowed = resident + max(0, self._rations.memory_bytes - held)
        return held

    def _of_disk(self) -> Failure | None:
        if folder_bytes(self._folder) <= self._rations.disk_bytes:
            return None
        message = f"the run wrote more than {self._rations.disk_bytes / 1e9:.1f} GB, and was ended"
        return Failure(FailureCode.STORAGE_FULL, message)


def host_memory_bytes() -> int:
    """Memory of this host, or of the container that this is."""
    limits = [psutil.virtual_memory().total]
    for path in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # no such group, or it is bounded by nothing: `max`
            limits.append(int(path.read_text()))
    return min(limits)


def folder_bytes(folder: Path) -> int:
    """What a folder takes on its disk, while others write and delete in it."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(place) / name).lstat().st_blocks * 512
    return total


def family(pid: int) -> list[psutil.Process]:
    """A process and whatever descends from it; none if it is gone."""
    with suppress(psutil.NoSuchProcess):
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    return []


def kill(process: Process) -> None:
    """End a process, its group, and whatever descends from it, even if that has left the group."""
    if not process.has_ended():
        kill_family(process.pid)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, SIGKILL)


def kill_family(pid: int) -> None:
    """End a process and whatever descends from it: all are stopped first, so that none can start another meanwhile."""
    stopped: set[int] = set()
    for _ in range(_MAX_ROUNDS):
        found = {one.pid for one in family(pid)} - stopped
        if not found:
            break
        for one in found:
            with suppress(ProcessLookupError):
                os.kill(one, SIGSTOP)
        stopped |= found
    for one in stopped:
        with suppress(ProcessLookupError):
            os.kill(one, SIGKILL)


def _told(process: psutil.Process, what: str, number: str) -> int:
    try:
        return int(getattr(getattr(process, what)(), number, 0))
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended
        return 0
