"""What happened to a job, oldest first."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from store import deliveries
from store.clock import from_now
from store.tables import Event
from trainer_core.contract.events import EvaluationCompleted

EVALUATION: str = EvaluationCompleted.model_fields["type"].default
"""Type of the events that hold answers to held-out rows."""


def record(
    session: Session,
    job_id: str,
    attempt: int,
    type_: str,
    message: str,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Add one event, and what is to be told of it to webhook endpoints.

    Whoever calls has touched the job's row before, so that ids follow the order of facts.
    """
    session.execute(
        insert(Event).values(
            job_id=job_id,
            attempt=attempt,
            type=type_,
            message=message,
            data=dict(data or {}),
            created_at=from_now(),
        )
    )
    deliveries.announce(session, job_id, type_)


def after(session: Session, job_id: str, event_id: int, limit: int) -> Sequence[Event]:
    """Events of a job behind `event_id`."""
    statement = select(Event).where(Event.job_id == job_id, Event.id > event_id).order_by(Event.id).limit(limit)
    return session.scalars(statement).all()
