"""What there is in the service at this moment, in numbers, over all projects.

Nothing here costs more the more jobs there have been: what has ended is not counted, and of what waits no more than
`MOST` are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from store import workers
from store.clock import from_now, now
from store.lifecycle import ENDED, JobStatus
from store.project_tables import UsedHours
from store.tables import WAITS, Attempt, Completion, Inspection, Job, Worker
from store.webhook_tables import DeliveryStatus, WebhookDelivery

MOST = 100_000
"""Rows of a kind that are counted; it stands for itself and all beyond."""
LIVE = tuple(status for status in JobStatus if status not in ENDED)
"""Statuses of jobs that are counted."""
TOLD = (DeliveryStatus.PENDING, DeliveryStatus.FAILED)
"""Statuses of deliveries that are counted."""


@dataclass(frozen=True)
class Census:
    """What was counted."""

    jobs: Mapping[JobStatus, int]
    longest_wait_seconds: float
    """Of the queued jobs; 0 if none is."""
    shortest_lease_seconds: float | None
    """Until the first lease of a running job ends, below 0 if one has; None if none runs."""
    num_inspections: int
    """That are asked for and not answered."""
    num_chats: int
    """The same."""
    deliveries: Mapping[DeliveryStatus, int]
    slot_seconds: float
    """That ended attempts have used of slots, ever."""
    workers: Sequence[Worker]
    busy_slots: Mapping[str, int]
    """By worker."""


def take(session: Session) -> Census:
    """Count."""
    at = now(session)
    oldest = session.scalar(select(func.min(Job.queued_at)).where(WAITS))
    first_end = session.scalar(select(func.min(Job.lease_until)).where(Job.status == JobStatus.RUNNING))
    return Census(
        jobs={status: _count(session, Job.status == status) for status in LIVE},
        longest_wait_seconds=0.0 if oldest is None else max(0.0, (at - oldest).total_seconds()),
        shortest_lease_seconds=None if first_end is None else (first_end - at).total_seconds(),
        num_inspections=_count(session, Inspection.finished_at.is_(None)),
        num_chats=_count(session, Completion.finished_at.is_(None), Completion.wanted_until > from_now()),
        deliveries={status: _count(session, WebhookDelivery.status == status) for status in TOLD},
        slot_seconds=float(session.scalar(select(func.coalesce(func.sum(UsedHours.slot_seconds), 0.0))) or 0.0),
        workers=workers.alive(session),
        busy_slots=_busy_slots(session),
    )


def _count(session: Session, *conditions: ColumnElement[bool]) -> int:
    some = select(1).where(*conditions).limit(MOST).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def _busy_slots(session: Session) -> Mapping[str, int]:
    held = (
        select(Attempt.worker, Attempt.slots)
        .join(Job, (Attempt.job_id == Job.id) & (Attempt.number == Job.attempt))
        .where(Job.status == JobStatus.RUNNING)
    )
    busy: dict[str, int] = {}
    for worker, slots in session.execute(held):
        busy[worker] = busy.get(worker, 0) + len(slots)
    return busy
