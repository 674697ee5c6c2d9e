"""Workers that look for jobs, and when each was last seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from store.clock import from_now
from store.database import ACROSS_PROJECTS, touched
from store.lifecycle import JobStatus
from store.resources import Offer
from store.tables import Attempt, Gpu, Job, Worker

ALIVE_SECONDS = 30
"""A worker not seen for longer is taken to be gone."""
_KEPT_SECONDS = 30 * 24 * 3600.0
"""How long one is remembered that does not come back: some deployments give each start a name of its own."""


@dataclass(frozen=True)
class Running:
    """A job that a worker carries out."""

    job_id: str
    project_id: str
    slots: tuple[str, ...]
    started_at: datetime


class Counted(StrEnum):
    """What a worker counts while it lives."""

    RUNNERS_STARTED = "runners_started"
    RUNNERS_BROKEN = "runners_broken"
    """Of those, the ones that ended with an error."""
    TRAINERS_WARMED = "trainers_warmed"
    """Warm trainers started."""
    INSPECTIONS_BROKEN = "inspections_broken"
    """Checks of jobs that broke down."""
    SWEEPS_MISSED = "sweeps_missed"
    """Sweeps that the database did not answer."""


def see(
    session: Session,
    name: str,
    *,
    num_slots: int,
    memory_bytes: int,
    gpus: Sequence[Gpu],
    tallies: Mapping[Counted, int] | None = None,
) -> None:
    """Note that a worker is alive, what it has, and what it has counted."""
    has = {
        "num_slots": num_slots,
        "memory_bytes": memory_bytes,
        "gpus": tuple(gpus),
        "tallies": dict(tallies or {}),
        "last_seen_at": from_now(),
    }
    if touched(session, update(Worker).where(Worker.name == name).values(**has)) == 0:
        session.execute(delete(Worker).where(Worker.last_seen_at < from_now(-_KEPT_SECONDS)))
        session.execute(insert(Worker).values(name=name, started_at=from_now(), **has))


def alive(session: Session) -> Sequence[Worker]:
    """Workers seen lately, by name."""
    statement = select(Worker).where(Worker.last_seen_at > from_now(-ALIVE_SECONDS)).order_by(Worker.name)
    return session.scalars(statement).all()


def running(session: Session) -> Mapping[str, Sequence[Running]]:
    """What each worker carries out now, by its name: the jobs of every project."""
    statement = (
        select(Job.worker, Job.id, Job.project_id, Attempt.slots, Attempt.started_at)
        .join(Attempt, (Attempt.job_id == Job.id) & (Attempt.number == Job.attempt))
        .where(Job.status == JobStatus.RUNNING)
        .order_by(Attempt.started_at)
        .execution_options(**{ACROSS_PROJECTS: True})
    )
    found: dict[str, list[Running]] = {}
    for row in session.execute(statement):
        occupied = Running(row.id, row.project_id, row.slots, row.started_at)
        found.setdefault(row.worker or "", []).append(occupied)
    return found


def none_fits(session: Session, job_id: str) -> bool:
    """True if there are workers, and none of them could run the job even if it were idle."""
    offers = [Offer.of(gpus=one.gpus, memory_bytes=one.memory_bytes) for one in alive(session)]
    fitting = (session.scalar(select(Job.id).where(Job.id == job_id, offer.fits())) for offer in offers)
    return bool(offers) and not any(fitting)
