"""Workers that look for jobs, and when each was last seen."""

from collections.abc import Sequence

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from store.clock import from_now
from store.database import touched
from store.tables import Worker

ALIVE_SECONDS = 30
"""A worker not seen for longer is taken to be gone."""


def see(session: Session, name: str, num_slots: int) -> None:
    """Note that a worker is alive."""
    seen = update(Worker).where(Worker.name == name).values(num_slots=num_slots, last_seen_at=from_now())
    if touched(session, seen) == 0:
        values = {"name": name, "num_slots": num_slots, "started_at": from_now(), "last_seen_at": from_now()}
        session.execute(insert(Worker).values(**values))


def alive(session: Session) -> Sequence[Worker]:
    """Workers seen lately, by name."""
    statement = select(Worker).where(Worker.last_seen_at > from_now(-ALIVE_SECONDS)).order_by(Worker.name)
    return session.scalars(statement).all()
