"""Wishes that workers take nothing new, as rows: they hold over hosts and restarts, until they are withdrawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from store import workers
from store.clock import from_now
from store.database import upserting
from store.drain_tables import Drain
from store.lifecycle import JobStatus
from store.tables import Job

EVERY_WORKER = "*"


@dataclass(frozen=True)
class Standing:
    """How far a worker has come."""

    name: str
    is_drained: bool
    """True if it takes nothing new."""
    num_running_jobs: int


def ask(session: Session, worker: str, *, gives_back: bool) -> None:
    """Have a worker, or `EVERY_WORKER`, take nothing new; what was asked before is replaced.

    Args:
        gives_back: Whether running jobs save and go back to the queue; if not, they end first.
    """
    values = {"gives_back": gives_back, "asked_at": from_now()}
    asked = upserting(session, Drain).values(worker=worker, **values)
    session.execute(asked.on_conflict_do_update(index_elements=("worker",), set_=values))


def withdraw(session: Session, worker: str) -> None:
    """Have a worker take jobs again; with `EVERY_WORKER`, all of them."""
    of_it = () if worker == EVERY_WORKER else (Drain.worker == worker,)
    session.execute(delete(Drain).where(*of_it))


def every(session: Session) -> Sequence[Drain]:
    """What is asked for."""
    return session.scalars(select(Drain).order_by(Drain.worker)).all()


def since(session: Session) -> Callable[[str], datetime | None]:
    """Tells of each worker since when it is to take nothing new."""
    asked = {one.worker: one.asked_at for one in every(session)}
    return lambda worker: asked.get(worker, asked.get(EVERY_WORKER))


def applies(session: Session, worker: str) -> bool:
    """True if a worker is to take nothing new."""
    return session.scalar(select(Drain.worker).where(_of(worker)).limit(1)) is not None


def gives_back(worker: InstrumentedAttribute[str | None]) -> ColumnElement[bool]:
    """Whether the running jobs of a worker are to save and go back, in SQL."""
    return select(Drain.worker).where(_of(worker), Drain.gives_back.is_(True)).exists()


def standings(session: Session) -> list[Standing]:
    """Every worker that was seen lately or has running jobs, by name."""
    counted = select(Job.worker, func.count()).where(Job.status == JobStatus.RUNNING).group_by(Job.worker)
    running = {str(name): number for name, number in session.execute(counted).all()}
    names = sorted({*running, *(worker.name for worker in workers.alive(session))})
    asked_at = since(session)
    return [Standing(name, asked_at(name) is not None, running.get(name, 0)) for name in names]


def _of(worker: str | InstrumentedAttribute[str | None]) -> ColumnElement[bool]:
    return or_(Drain.worker == EVERY_WORKER, Drain.worker == worker)
