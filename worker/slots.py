"""Slots: how many jobs run on this host at once.

A slot is a locked file. The lock is inherited by the runner, the trainer and its loader processes, so that a slot
is free only when the last of them is gone, whoever started them.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class Slot:
    """A slot that is held; children that are given `fd` hold it too."""

    index: int
    fd: int


class Slots:
    """The slots of this host."""

    def __init__(self, folder: Path, num_slots: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._paths = [folder / f"slot-{index}.lock" for index in range(num_slots)]

    @contextmanager
    def take(self) -> Iterator[Slot | None]:
        """Hold a free slot; None if there is none."""
        for index, path in enumerate(self._paths):
            with path.open("ab") as file:
                if _is_locked_now(file):
                    yield Slot(index, file.fileno())
                    return
        yield None


def _is_locked_now(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
