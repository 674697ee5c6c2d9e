"""Answers to held-out rows, as evaluations told them."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.stream import EVALUATION
from store.tables import Event

_MOST_LOOKED_AT = 20
"""Evaluations in which a row is looked for: each tells the same rows, unless a retry has changed them."""


def after(session: Session, job_id: str, event_id: int, limit: int) -> Sequence[Event]:
    """Evaluations of a job that told answers, behind the event `event_id`, oldest first."""
    statement = select(Event).where(Event.job_id == job_id, Event.id > event_id, Event.type == EVALUATION)
    told = Event.data["predictions", 0, "line"].as_integer().is_not(None)
    return session.scalars(statement.where(told).order_by(Event.id).limit(limit)).all()


def thumbnail(session: Session, job_id: str, line: int, number: int) -> str | None:
    """An image of a held-out row, small, as a data URL; None if no evaluation told of it."""
    statement = select(Event.data).where(Event.job_id == job_id, Event.type == EVALUATION)
    for data in session.scalars(statement.order_by(Event.id.desc()).limit(_MOST_LOOKED_AT)):
        for told in data["predictions"]:
            if told["line"] == line and number < len(told["thumbnails"]):
                return str(told["thumbnails"][number])
    return None
