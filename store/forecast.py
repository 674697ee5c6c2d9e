"""When jobs will begin and end, as far as earlier ones tell: an estimate, and none where they tell nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import inspections, workers
from store.clock import now
from store.database import ACROSS_PROJECTS
from store.lifecycle import JobStatus
from store.tables import Inspection, Job
from store.waiting import CLAIM_ORDER

_MOST_AHEAD = 50
"""Beyond so many jobs an estimate says nothing."""


@dataclass(frozen=True)
class Expected:
    """What is expected of a job if all goes on at the pace so far."""

    start_at: datetime | None
    """None where that is not known, or it has begun."""
    end_at: datetime | None


UNKNOWN = Expected(None, None)


def expected(session: Session, among: Iterable[Job]) -> dict[str, Expected]:
    """What is expected of those jobs that wait or run.

    Slots are shared with other projects, whose running jobs count too. What these have waiting does not: how turns will
    be taken is not known.
    """
    going = [job for job in among if job.status in {JobStatus.QUEUED, JobStatus.RUNNING}]
    if not going:
        return {}
    at = now(session)
    found = {
        job.id: Expected(None, at + timedelta(seconds=job.progress.remaining_seconds)) for job in going if job.progress
    }
    for project_id in {job.project_id for job in going if job.status == JobStatus.QUEUED}:
        found |= _waiting(session, project_id, at)
    return {job.id: found.get(job.id, UNKNOWN) for job in going}


def _waiting(session: Session, project_id: str, at: datetime) -> dict[str, Expected]:
    """What is expected of the first jobs of a project's queue."""
    left = _left(session)
    num_slots = sum(max(worker.num_slots, len(worker.gpus)) for worker in workers.alive(session))
    if left is None or not num_slots:
        return {}
    found: dict[str, Expected] = {}
    before, num_before = sum(left), len(left)
    for job_id, seconds in _queue(session, project_id):
        start_at = at if num_before < num_slots else at + timedelta(seconds=before / num_slots)
        found[job_id] = Expected(start_at, None if seconds is None else start_at + timedelta(seconds=seconds))
        if seconds is None:
            break
        before, num_before = before + seconds, num_before + 1
    return found


def _left(session: Session) -> list[float] | None:
    """How long each running job still takes; None if that is not known of one of them."""
    running = select(Job.progress).where(Job.status == JobStatus.RUNNING).execution_options(**{ACROSS_PROJECTS: True})
    found = session.scalars(running).all()
    told = [one.remaining_seconds for one in found if one is not None]
    return told if len(told) == len(found) else None


def _queue(session: Session, project_id: str) -> Iterator[tuple[str, float | None]]:
    """The first jobs of a project's queue, in their order, and how long each takes, where that is known."""
    statement = (
        select(Job.id, Job.base_model, inspections.FLOPS)
        .join(Inspection, Inspection.job_id == Job.id)
        .where(Job.status == JobStatus.QUEUED, Job.project_id == project_id)
        .order_by(*CLAIM_ORDER)
        .limit(_MOST_AHEAD)
    )
    paces: dict[str, float | None] = {}
    for job_id, base_model, flops in session.execute(statement).all():
        if base_model not in paces:
            paces[base_model] = inspections.pace_of(session, base_model)
        pace = paces[base_model]
        yield job_id, flops / pace if flops and pace else None
