"""Jobs that wait: in which order those of a project are claimed, and the place of each."""

from collections.abc import Iterable

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from store.lifecycle import JobStatus
from store.tables import Job

CLAIM_ORDER = (Job.priority.desc(), Job.queued_at, Job.id)
"""Of the jobs of a project: higher priority first, then whoever has waited longer."""

LAST_PLACE = 200
"""In the queue that is told; whoever stands behind it is told the same."""


def positions(session: Session, among: Iterable[Job]) -> dict[str, int]:
    """For each waiting job its place among those of its project, in the order in which they are claimed; 1 is next.

    `LAST_PLACE` stands for itself and all behind it: looking further would cost more the longer the queue is.
    """
    waiting = [job for job in among if job.status == JobStatus.QUEUED]
    places = {
        job_id: place
        for project_id in {job.project_id for job in waiting}
        for place, job_id in enumerate(session.scalars(_first_of(project_id)), start=1)
    }
    return {job.id: places.get(job.id, LAST_PLACE) for job in waiting}


def _first_of(project_id: str) -> Select[str]:
    of_project = (Job.status == JobStatus.QUEUED, Job.project_id == project_id)
    return select(Job.id).where(*of_project).order_by(*CLAIM_ORDER).limit(LAST_PLACE - 1)
