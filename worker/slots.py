"""Slots: what jobs of this host run on, each GPU and a number of places on the CPU.

A slot is a locked file. The lock is inherited by the runner, the trainer and its loader processes, so that a slot
is free only when the last of them is gone, whoever started them.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from store.resources import Needs, Offer
from store.tables import Gpu


@dataclass(frozen=True)
class Slot:
    """One GPU, or a place on the CPU."""

    path: Path
    gpu: Gpu | None = None

    @property
    def name(self) -> str:
        """What the slot is called on its host."""
        return self.path.stem


@dataclass(frozen=True)
class Held:
    """Slots that this process has locked; children that are given `fds` hold them too."""

    locks: dict[Slot, int]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for fd in self.locks.values():
            os.close(fd)

    @property
    def fds(self) -> list[int]:
        """File descriptors of the locks."""
        return list(self.locks.values())

    @property
    def names(self) -> list[str]:
        """What the slots are called."""
        return [slot.name for slot in self.locks]

    @property
    def gpus(self) -> list[Gpu]:
        """Those among the slots, the smallest first."""
        return sorted((slot.gpu for slot in self.locks if slot.gpu), key=lambda gpu: gpu.num_bytes)

    def chosen(self, needs: Needs, *, has_gpus: bool) -> list[Slot]:
        """What a job gets of the slots held; it is one that the offer of this hold fits."""
        num_gpus = needs.num_gpus_where(has_gpus=has_gpus)
        if num_gpus == 0:
            return [next(slot for slot in self.locks if slot.gpu is None)]
        fitting = [gpu for gpu in self.gpus if gpu.num_bytes >= needs.device_bytes][:num_gpus]
        return [slot for slot in self.locks if slot.gpu in fitting]

    def take(self, slots: Iterable[Slot]) -> "Held":
        """Move some of the slots into a hold of their own."""
        return Held({slot: self.locks.pop(slot) for slot in slots})


class Slots:
    """The slots of a worker.

    Args:
        folder: For the locks of places on the CPU.
        num_places: How many of these there are.
        gpus: GPUs that the worker may use.
        gpu_folder: For the locks of GPUs; the same for all that use them.
    """

    def __init__(self, folder: Path, num_places: int, gpus: Sequence[Gpu] = (), gpu_folder: Path | None = None) -> None:
        gpu_folder = gpu_folder or folder
        self.gpus = tuple(gpus)
        self.machine_bytes = psutil.virtual_memory().total
        self._slots = [Slot(folder / f"slot-{index}.lock") for index in range(num_places)]
        self._slots += [Slot(gpu_folder / f"{gpu.uuid}.lock", gpu) for gpu in gpus]
        for slot in self._slots:
            slot.path.parent.mkdir(parents=True, exist_ok=True)
        if gpus:
            with suppress(PermissionError):  # another user has made it
                gpu_folder.chmod(0o1777)

    def __len__(self) -> int:
        return len(self._slots)

    @contextmanager
    def all_free(self) -> Iterator[Held]:
        """Hold every free slot for a moment; those that are not taken out of the hold are let go."""
        with Held({slot: fd for slot in self._slots if (fd := _lock(slot.path)) is not None}) as held:
            yield held

    def offer(self, held: Held) -> Offer:
        """What jobs may run on the slots held."""
        has_place = any(slot.gpu is None for slot in held.locks)
        return Offer(
            gpu_bytes=tuple(gpu.num_bytes for gpu in reversed(held.gpus)),
            place_bytes=self.machine_bytes if has_place else None,
            has_gpus=bool(self.gpus),
        )

    def visible_gpus(self, held: Held) -> dict[str, str]:
        """Environment by which CUDA sees the GPUs held and no other; none is needed where there are none."""
        return {"CUDA_VISIBLE_DEVICES": ",".join(gpu.uuid for gpu in held.gpus)} if self.gpus else {}

    def is_held(self, name: str) -> bool:
        """True if some process holds the slot, or may: one that this worker has no more is left to its lease."""
        path = next((slot.path for slot in self._slots if slot.name == name), None)
        if path is None:
            return True
        fd = _lock(path)
        if fd is None:
            return True
        os.close(fd)
        return False


def _lock(path: Path) -> int | None:
    fd = _opened(path)
    with suppress(PermissionError):  # it is another user's
        os.utime(fd)  # locks of GPUs lie in the system's temporary folder, whose cleaners go by age
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def _opened(path: Path) -> int:
    # In two steps: in a folder for all, the kernel lets nobody "create" a file that is another user's.
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
