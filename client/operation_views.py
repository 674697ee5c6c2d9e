"""What the service answers to operators about workers that are drained, and about what can go from the storage."""

from datetime import datetime

from client.views import View

EVERY_WORKER = "*"
"""Stands for all workers, those that are still to come too."""


class Drain(View):
    """A wish that a worker takes nothing new."""

    worker: str
    """Its name, or `EVERY_WORKER`."""
    gives_back: bool
    """Whether running jobs save and go back to the queue; if not, they end first."""
    asked_at: datetime


class Standing(View):
    """How far a worker has come."""

    name: str
    is_drained: bool
    """True if it takes nothing new."""
    num_running_jobs: int


class DrainList(View):
    """What is asked for, and how far each worker has come."""

    data: tuple[Drain, ...]
    workers: tuple[Standing, ...]


class GarbageItem(View):
    """Something that can go."""

    kind: str
    name: str
    """Its place below the root of the storage, an id, or what of which job."""
    num_bytes: int


class GarbageList(View):
    """What can go, or what has gone."""

    data: tuple[GarbageItem, ...]
    num_bytes: int
    has_more: bool
    """True if there may be more: ask again once these are gone."""
