"""The table of trackings: how far each job was told to those that it names."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from store.columns import Owned, Stored, Table
from trainer_core.contract.integrations import Target


class TrackingStatus(StrEnum):
    """How far telling one job to one target has come."""

    FOLLOWING = "following"
    """The job may still have something to tell."""
    TOLD = "told"
    """All of it was taken."""
    GIVEN_UP = "given_up"
    """Nothing was taken for days."""


class Tracking(Owned, Table):
    """One job that is told to one target."""

    __tablename__ = "trackings"

    id: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    kind: Mapped[str] = mapped_column(String(16))
    """The target's type."""
    target: Mapped[Target] = mapped_column(Stored(Target))
    status: Mapped[TrackingStatus] = mapped_column(String(16))
    event_id: Mapped[int] = mapped_column(BigInteger)
    """The last event that was taken, or passed over."""
    metric_id: Mapped[int] = mapped_column(BigInteger)
    """The last point that was taken."""
    memory: Mapped[dict[str, Any]]
    """What the tracker needs to go on there."""
    url: Mapped[str | None] = mapped_column(Text)
    """Where people find it."""
    error: Mapped[str | None] = mapped_column(Text)
    """Why it was not taken the last time that it was not."""
    failing_since: Mapped[datetime | None]
    """None if the last try was taken."""
    num_failures: Mapped[int]
    """In a row."""
    next_try_at: Mapped[datetime]
    claimed_until: Mapped[datetime]
    """Until then somebody is at it."""
    num_claims: Mapped[int]
    """Fences what whoever is at it writes."""
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_trackings_due", "status", "next_try_at"),
        Index("ix_trackings_job", "job_id", "id"),
    )
