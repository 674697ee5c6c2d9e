"""What trainers wrote to stderr, line by line."""

from collections.abc import Iterable, Sequence

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from store.clock import from_now
from store.leases import Lease
from store.tables import LogLine


def record(session: Session, lease: Lease, lines: Iterable[str]) -> None:
    """Add lines of an attempt."""
    rows = [{"line": line} for line in lines]
    if rows:
        values = {"job_id": lease.job_id, "attempt": lease.attempt, "created_at": from_now()}
        session.execute(insert(LogLine).values(**values), rows)


def after(session: Session, job_id: str, line_id: int, limit: int) -> Sequence[LogLine]:
    """Lines of a job behind the line `line_id`, oldest first."""
    statement = select(LogLine).where(LogLine.job_id == job_id, LogLine.id > line_id).order_by(LogLine.id).limit(limit)
    return session.scalars(statement).all()


def before(session: Session, job_id: str, line_id: int | None, limit: int) -> Sequence[LogLine]:
    """The newest lines of a job, or those before the line `line_id`; newest first."""
    statement = select(LogLine).where(LogLine.job_id == job_id).order_by(LogLine.id.desc()).limit(limit)
    if line_id is not None:
        statement = statement.where(LogLine.id < line_id)
    return session.scalars(statement).all()
