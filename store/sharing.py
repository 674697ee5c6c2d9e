"""Whose turn it is: the project that has the least of the slots, beside its share, and what each has used so far.

What counts is first what a project holds now, then what it used lately: a project that has just come does not wait for
all the jobs that another has submitted before.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Float, Select, cast, func, select
from sqlalchemy.orm import Session

from store import projects
from store.clock import from_now
from store.database import upserting
from store.lifecycle import JobStatus
from store.project_tables import Project, UsedHours
from store.resources import Offer
from store.tables import Attempt, Job
from store.waiting import CLAIM_ORDER

LATELY_DAYS = 1
"""How far back use counts in whose turn it is."""
LIMIT_DAYS = 30
"""How far back it counts against a project's limit."""


def due(offer: Offer) -> tuple[ColumnElement[bool], ...]:
    """Whether a job could be claimed now for what is offered, in SQL."""
    return (Job.status == JobStatus.QUEUED, Job.not_before <= from_now(), offer.fits())


def turns(session: Session, offer: Offer) -> Iterator[str]:
    """Ids of the projects with a job that fits, in the order in which they are to be served."""
    standings = session.execute(_standings(offer)).all()
    for one in sorted(standings, key=lambda one: (one.held, one.used, one.waits_since, one.id)):
        if _may_run_more(session, one.id):
            yield one.id


def note_use(session: Session, job_id: str, attempt: int) -> None:
    """Count what an attempt that ends now has used of slots."""
    row = session.execute(
        select(Job.project_id, Attempt.started_at, Attempt.slots, from_now().label("now"))
        .join(Attempt, Attempt.job_id == Job.id)
        .where(Job.id == job_id, Attempt.number == attempt)
    ).one()
    seconds = max(0.0, (row.now - row.started_at).total_seconds()) * max(1, len(row.slots))
    new = upserting(session, UsedHours).values(
        project_id=row.project_id, day=func.date(from_now()), slot_seconds=seconds, num_attempts=1
    )
    more = {
        "slot_seconds": UsedHours.slot_seconds + new.excluded.slot_seconds,
        "num_attempts": UsedHours.num_attempts + 1,
    }
    session.execute(new.on_conflict_do_update(index_elements=("project_id", "day"), set_=more))


def used_seconds(days: int) -> ColumnElement[float]:
    """What a project's ended attempts have used of slots in the last so many days, in SQL beside `Project`."""
    since = func.date(from_now(-86_400 * days))
    used = select(func.coalesce(func.sum(UsedHours.slot_seconds), 0.0))
    return used.where(UsedHours.project_id == Project.id, UsedHours.day >= since).correlate(Project).scalar_subquery()


def num_jobs(*statuses: JobStatus) -> ColumnElement[int]:
    """A project's jobs of some statuses, in SQL beside `Project`."""
    of_project = (Job.project_id == Project.id, Job.status.in_(statuses))
    return select(func.count()).select_from(Job).where(*of_project).correlate(Project).scalar_subquery()


def _standings(offer: Offer) -> Select[*tuple[Any, ...]]:
    """Every project that has a job to claim: what it holds and what it has used, beside its share."""
    first = select(Job.queued_at).where(Job.project_id == Project.id, *due(offer)).order_by(*CLAIM_ORDER).limit(1)
    waits_since = first.correlate(Project).scalar_subquery()
    share = cast(Project.share, Float)
    is_spent = used_seconds(LIMIT_DAYS) >= Project.max_gpu_hours * 3600
    return (
        select(
            Project.id,
            (num_jobs(JobStatus.RUNNING) / share).label("held"),
            (used_seconds(LATELY_DAYS) / share).label("used"),
            waits_since.label("waits_since"),
        )
        .where(waits_since.is_not(None), func.coalesce(is_spent, False).is_(False))
        .order_by(Project.id)
    )


def _may_run_more(session: Session, project_id: str) -> bool:
    """Whether a project's limit leaves room; its row is then locked, so that nobody else fills that room meanwhile."""
    limit = session.scalar(select(Project.max_running_jobs).where(Project.id == project_id))
    if limit is None:
        return True
    projects.hold(session, project_id)
    running = select(num_jobs(JobStatus.RUNNING)).select_from(Project).where(Project.id == project_id)
    return (session.scalar(running) or 0) < limit
