"""What is answered to operators about workers that are drained, and about what can go."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from api.views import View
from store.garbage import MAX_FOUND, Garbage, Kind


class DrainRead(View):
    """A wish that a worker takes nothing new."""

    worker: str
    """Its name; `*` stands for all."""
    gives_back: bool
    """Whether running jobs save and go back to the queue; if not, they end first."""
    asked_at: datetime


class StandingRead(View):
    """How far a worker has come."""

    name: str
    is_drained: bool
    """True if it takes nothing new."""
    num_running_jobs: int


class DrainList(View):
    """What is asked for, and how far each worker has come."""

    data: list[DrainRead]
    workers: list[StandingRead]


class GarbageRead(View):
    """Something that can go."""

    kind: Kind
    name: str
    """Its place below the root of the storage, an id, or what of which job."""
    num_bytes: int


class GarbageList(View):
    """What can go, or what has gone."""

    data: list[GarbageRead]
    num_bytes: int
    has_more: bool
    """True if there may be more: ask again once these are gone."""

    @classmethod
    def of(cls, found: Sequence[Garbage]) -> Self:
        """The view of what was found."""
        return cls(
            data=[GarbageRead.model_validate(one) for one in found],
            num_bytes=sum(one.num_bytes for one in found),
            has_more=len(found) == MAX_FOUND,
        )
