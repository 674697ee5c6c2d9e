"""The tables of webhooks: who is told of events, and what was told."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel
from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from store.columns import Owned, Stored, Table


class EventType(StrEnum):
    """What an endpoint can be told of."""

    SUCCEEDED = "fine_tuning.job.succeeded"
    FAILED = "fine_tuning.job.failed"
    CANCELLED = "fine_tuning.job.cancelled"
    QUEUED = "fine_tuning.job.queued"
    """As those below, one that OpenAI does not have: a job waits for a worker, perhaps again."""
    RUNNING = "fine_tuning.job.running"
    """An attempt has started."""
    PAUSED = "fine_tuning.job.paused"
    CHECKPOINT_SAVED = "fine_tuning.job.checkpoint_saved"


class DeliveryStatus(StrEnum):
    """How far telling one event to one endpoint has come."""

    PENDING = "pending"
    """It is tried, perhaps again."""
    DELIVERED = "delivered"
    """The endpoint has answered that it took the event."""
    FAILED = "failed"
    """It was given up, unless somebody asks for it."""


class DeliveryAttempt(BaseModel, frozen=True, extra="forbid"):
    """One request to an endpoint, and what came of it."""

    at: datetime
    status_code: int | None
    """Null if there was no answer."""
    error: str | None
    """Why it does not count; null if it does."""
    seconds: float
    """Until the answer, or until it was given up."""


class WebhookEndpoint(Owned, Table):
    """An address that is told of a project's events."""

    __tablename__ = "webhook_endpoints"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    url: Mapped[str] = mapped_column(Text)
    event_types: Mapped[tuple[EventType, ...]] = mapped_column(Stored(tuple[EventType, ...]))
    secret: Mapped[str] = mapped_column(String(64))
    """What signs, as it was shown: a digest could not sign."""
    old_secret: Mapped[str | None] = mapped_column(String(64))
    old_secret_until: Mapped[datetime | None]
    disabled_reason: Mapped[str | None]
    """Why it is told nothing; None if it is."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (Index("ix_webhook_endpoints_project", "project_id", "id"),)


class WebhookDelivery(Owned, Table):
    """One event that one endpoint is to be told."""

    __tablename__ = "webhook_deliveries"

    id: Mapped[str] = mapped_column(primary_key=True)
    # Deleted by the database itself: a job may be moving, and telling of it, at that moment.
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    event_id: Mapped[str]
    """The same for every endpoint and every attempt."""
    event_type: Mapped[EventType] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    status: Mapped[DeliveryStatus] = mapped_column(String(16))
    attempts: Mapped[tuple[DeliveryAttempt, ...]] = mapped_column(Stored(tuple[DeliveryAttempt, ...]))
    next_attempt_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime]
    """Until then somebody is at it."""
    num_claims: Mapped[int]
    """Fences what an attempt writes."""
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_webhook_deliveries_due", "status", "next_attempt_at"),
        Index("ix_webhook_deliveries_endpoint", "endpoint_id", "id"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )
