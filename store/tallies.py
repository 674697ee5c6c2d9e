"""What has happened to jobs, counted from their events: each look reads only what was told since the one before.

No count is kept in the database: it would be a second truth, and a row that every move of every job waits for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.clock import from_now
from store.lifecycle import ENDED, JobStatus
from store.tables import Event

_SETTLED_SECONDS = 10
"""Ids are given out before they are committed: what is so old has come, whatever its id."""
_TYPES = (
    "job_submitted",
    "attempt_started",
    *(f"job_{status}" for status in (*ENDED, JobStatus.QUEUED, JobStatus.PAUSED)),
)


@dataclass(frozen=True)
class Tally:
    """So many events that are alike."""

    type: str
    outcome: str | None
    """Of the attempt that ended with it, if one did."""
    failure_code: str | None
    """Why the job failed, if it did."""
    number: int


def newest(session: Session, after: int = 0) -> int:
    """Id of the last event that is counted now; those behind it are still to be. `after` if none has come since."""
    # From the end of the table back to the first that is old enough: a few rows, however many there are.
    settled = (Event.id > after, Event.created_at <= from_now(-_SETTLED_SECONDS))
    return session.scalar(select(Event.id).where(*settled).order_by(Event.id.desc()).limit(1)) or after


def between(session: Session, after: int, upto: int) -> Iterator[Tally]:
    """What the events behind `after`, to `upto`, come to."""
    outcome, code = Event.data["outcome"].as_string(), Event.data["failure_code"].as_string()
    counted = (
        select(Event.type, outcome.label("outcome"), code.label("code"), func.count().label("number"))
        .where(Event.id > after, Event.id <= upto, Event.type.in_(_TYPES))
        .group_by(Event.type, "outcome", "code")
    )
    for row in session.execute(counted):
        yield Tally(row.type, row.outcome, row.code, row.number)
