"""The tables of projects: who owns what, who may, and what was used."""

from datetime import date, datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from store.columns import Table
from store.scopes import Scope


class Project(Table):
    """Who owns files, jobs and keys, and what it may use; a limit that is None is none."""

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    share: Mapped[int] = mapped_column(default=1, server_default="1")
    """Of the slots, beside the shares of the other projects that have jobs waiting."""
    max_queued_jobs: Mapped[int | None]
    """That wait or are checked."""
    max_running_jobs: Mapped[int | None]
    max_gpu_hours: Mapped[float | None]
    """In the last 30 days; a place on a CPU counts as a GPU."""
    max_storage_bytes: Mapped[int | None] = mapped_column(BigInteger)
    max_upload_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """Of one file."""
    keep_artifacts_days: Mapped[int | None]
    """After the end of their job; so are the next three."""
    keep_checkpoints_days: Mapped[int | None]
    keep_logs_days: Mapped[int | None]
    keep_metrics_days: Mapped[int | None]
    keep_datasets_days: Mapped[int | None]
    """After the upload, and after the end of the last job on them."""
    keep_jobs_days: Mapped[int | None]
    """After their end, with all that they have left."""
    created_at: Mapped[datetime]


class ApiKey(Table):
    """Opens the service to whoever knows its secret, which is not kept."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    """Stands in the key itself, before the secret."""
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]
    scope: Mapped[Scope] = mapped_column(String(16))
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the whole key."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    """To the hour."""

    __table_args__ = (Index("ix_api_keys_project", "project_id", "id"),)


class UsedHours(Table):
    """What the attempts of a project's jobs that ended on a day had used of slots."""

    __tablename__ = "used_hours"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    slot_seconds: Mapped[float]
    num_attempts: Mapped[int]
