"""What the service answers about projects, keys, and what is used."""

from datetime import date, datetime

from client.views import View


class Project(View):
    """Who owns jobs and files, what they may use, and how long it is kept; None is without limit."""

    id: str
    name: str
    share: int
    max_queued_jobs: int | None = None
    max_running_jobs: int | None = None
    max_gpu_hours: float | None = None
    max_storage_bytes: int | None = None
    max_upload_bytes: int | None = None
    keep_artifacts_days: int | None = None
    keep_checkpoints_days: int | None = None
    keep_logs_days: int | None = None
    keep_metrics_days: int | None = None
    keep_datasets_days: int | None = None
    keep_jobs_days: int | None = None
    created_at: datetime


class Key(View):
    """A key, without its secret."""

    id: str
    project_id: str
    name: str
    scope: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class NewKey(Key):
    """A key that has just been made."""

    key: str
    """The key itself. It is told this once."""


class Day(View):
    """What attempts that ended on a day had used."""

    day: date
    gpu_hours: float
    num_attempts: int


class Usage(View):
    """What a project has and has used."""

    project: Project
    num_queued_jobs: int
    num_running_jobs: int
    gpu_hours: float
    """In the last 30 days."""
    storage_bytes: int
    days: tuple[Day, ...] = ()
