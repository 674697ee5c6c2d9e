"""What the API answers about the service itself: its base models, its workers, whether it is ready."""

from datetime import datetime

from api.views import View


class ModelRead(View):
    """A base model that is registered here."""

    name: str


class ModelList(View):
    """Base models, by name."""

    data: list[ModelRead]
    hub_models: bool
    """Whether a Hugging Face hub id may be given as well."""


class GpuRead(View):
    """A GPU."""

    uuid: str
    name: str
    num_bytes: int
    """Memory."""


class OccupiedRead(View):
    """What a job has of a worker."""

    job_id: str | None
    """Null if it is another project's."""
    slots: tuple[str, ...]
    """Names of GPUs, or of a place on the CPU; empty for a moment while it begins."""
    started_at: datetime


class WorkerRead(View):
    """A worker that looks for jobs."""

    name: str
    num_slots: int
    """Jobs that it runs at the same time: one on each GPU, and those on the CPU."""
    memory_bytes: int
    gpus: tuple[GpuRead, ...]
    started_at: datetime
    last_seen_at: datetime
    draining_since: datetime | None
    """Since when it is asked to take nothing new; null if it takes jobs."""
    running: tuple[OccupiedRead, ...]
    """Jobs that it carries out now."""


class WorkerList(View):
    """Workers, by name."""

    data: list[WorkerRead]


class Readiness(View):
    """Whether the service can take and carry out jobs."""

    database: bool
    storage: bool
    num_workers: int
    """Workers seen lately; without one, jobs wait in the queue."""
