"""What jobs need, and what workers have: a job is claimed only where it fits."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, func, or_

from store.tables import Gpu, Job


@dataclass(frozen=True)
class Needs:
    """What a job needs."""

    num_gpus: int | None
    """None: one where there are GPUs, else none."""
    device_bytes: int
    """Memory of each GPU, or of the machine; 0 where it is not known."""

    def num_gpus_where(self, *, has_gpus: bool) -> int:
        """GPUs that the job takes on a worker."""
        return self.num_gpus if self.num_gpus is not None else int(has_gpus)


@dataclass(frozen=True)
class Offer:
    """What a worker has free."""

    gpu_bytes: tuple[int, ...]
    """Memory of each GPU, the largest first."""
    place_bytes: int | None
    """Memory of the machine, if a place on the CPU is free."""
    has_gpus: bool
    """True if the worker has GPUs, free or not: a job that leaves the choice to it then waits for one."""

    @classmethod
    def of(cls, *, gpus: Sequence[Gpu], memory_bytes: int) -> "Offer":
        """All that a worker has."""
        return cls(tuple(sorted((gpu.num_bytes for gpu in gpus), reverse=True)), memory_bytes, bool(gpus))

    @property
    def is_empty(self) -> bool:
        """True if nothing can run."""
        return not self.gpu_bytes and self.place_bytes is None

    def fits(self) -> ColumnElement[bool]:
        """Whether a job could run on this, in SQL."""
        num_gpus = func.coalesce(Job.num_gpus, int(self.has_gpus))
        ways = [
            and_(num_gpus == number, Job.device_bytes <= num_bytes)
            for number, num_bytes in enumerate(self.gpu_bytes, start=1)
        ]
        if self.place_bytes is not None:
            ways.append(and_(num_gpus == 0, Job.device_bytes <= self.place_bytes))
        return or_(false(), *ways)


_ENOUGH = 2**62
ANYTHING = Offer(gpu_bytes=(_ENOUGH,) * 64, place_bytes=_ENOUGH, has_gpus=True)
"""What every job fits."""
