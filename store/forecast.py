"""When a waiting job will begin, as far as earlier jobs tell: an estimate, and none where they tell nothing."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import inspections, workers
from store.clock import now
from store.database import ACROSS_PROJECTS
from store.jobs import CLAIM_ORDER
from store.lifecycle import JobStatus
from store.tables import Inspection, Job

_MOST_AHEAD = 50
"""Beyond so many jobs an estimate says nothing."""


def start_of(session: Session, job: Job) -> datetime | None:
    """When a queued job will begin, if all goes on at the pace so far.

    Slots are shared with other projects, whose running jobs count too. What these have waiting does not: how turns will
    be taken is not known.
    """
    ahead, left = _ahead(session, job), _left(session)
    num_slots = sum(max(worker.num_slots, len(worker.gpus)) for worker in workers.alive(session))
    if ahead is None or left is None or not num_slots:
        return None
    if len(left) + len(ahead) < num_slots:
        return now(session)
    return now(session) + timedelta(seconds=(sum(left) + sum(ahead)) / num_slots)


def _left(session: Session) -> list[float] | None:
    """How long each running job still takes; None if that is not known of one of them."""
    running = select(Job.progress).where(Job.status == JobStatus.RUNNING).execution_options(**{ACROSS_PROJECTS: True})
    found = session.scalars(running).all()
    told = [one.remaining_seconds for one in found if one is not None]
    return told if len(told) == len(found) else None


def _ahead(session: Session, job: Job) -> list[float] | None:
    """How long each job before this one takes; None if that is not known of one of them."""
    statement = (
        select(Job.id, Job.base_model, Inspection.report)
        .join(Inspection, Inspection.job_id == Job.id)
        .where(Job.status == JobStatus.QUEUED, Job.project_id == job.project_id)
        .order_by(*CLAIM_ORDER)
        .limit(_MOST_AHEAD)
    )
    found: list[float] = []
    for row in session.execute(statement):
        if row.id == job.id:
            return found
        estimate = row.report.estimate if row.report else None
        seconds = inspections.seconds_at_pace(session, row.base_model, estimate.flops) if estimate else None
        if seconds is None:
            return None
        found.append(seconds)
    return None
