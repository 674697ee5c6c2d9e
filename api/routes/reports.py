"""/jobs/{id}/…: what a job tells while it runs and after."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field
from sqlalchemy.orm import Session

from api.guard import CallerDep
from api.pictures import PICTURED, content_of, picture
from api.report_views import AttemptRead, EvaluationRead, SamplePage, StayRead, TimelineRead
from api.views import (
    CheckpointList,
    CheckpointRead,
    EventPage,
    LogLineRead,
    LogPage,
    SeriesList,
    SeriesRead,
)
from store import checkpoints, events, jobs, logs, metrics, retention, samples, timeline
from store.retention import Kept
from store.series import MIN_POINTS

router = APIRouter(prefix="/jobs/{job_id}", tags=["reports"])

After = Annotated[int, Query(ge=0, lt=2**63, description="`last_id` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Step = Annotated[int | None, Query(ge=0, lt=2**31)]
MaxPoints = Annotated[
    Annotated[int, Field(ge=MIN_POINTS, le=100_000)] | Literal["all"], Query(description="Of each series, or `all`")
]

Times = Annotated[bool, Query(description="Tell as well when each point was written")]


@router.get("/events")
def list_events(job_id: str, caller: CallerDep, after: After = 0, limit: Limit = 100) -> EventPage:
    """What happened, oldest first."""
    with caller.reading() as session:
        jobs.get(session, job_id)
        return EventPage.of(events.after(session, job_id, after, limit + 1), limit, after)


@router.get("/logs")
def list_log_lines(
    job_id: str,
    caller: CallerDep,
    after: After = 0,
    limit: Limit = 1000,
    last: Annotated[
        int | None, Query(ge=1, le=1000, description="The newest so many lines, instead of what `after` tells")
    ] = None,
    before: Annotated[
        int | None, Query(ge=0, lt=2**63, description="With `last`: the newest of those before the line with this id")
    ] = None,
) -> LogPage:
    """What the trainer wrote to stderr, oldest first."""
    with caller.reading() as session:
        jobs.get(session, job_id)
        page = _next_lines(session, job_id, after, limit) if last is None else _newest(session, job_id, before, last)
        if not (page.data or after or before):
            retention.demand_kept(session, job_id, Kept.LOGS)
        return page


def _next_lines(session: Session, job_id: str, after: int, limit: int) -> LogPage:
    return LogPage.of(logs.after(session, job_id, after, limit + 1), limit, after)


def _newest(session: Session, job_id: str, before: int | None, limit: int) -> LogPage:
    found = logs.before(session, job_id, before, limit + 1)
    data = [LogLineRead.model_validate(line) for line in reversed(found[:limit])]
    return LogPage(data=data, has_more=len(found) > limit, last_id=data[-1].id if data else 0)


@router.get("/metrics")
def read_metrics(
    job_id: str,
    caller: CallerDep,
    name: str | None = None,
    from_step: Step = None,
    to_step: Step = None,
    max_points: MaxPoints = 1000,
    times: Times = False,  # noqa: FBT002
) -> SeriesList:
    """Numbers by step; both bounds are inclusive.

    A series of more than `max_points` is thinned: its first and its last point are left, and of stretches of equal
    width the least and the greatest. `max_points=all` leaves every point.
    """
    with caller.reading() as session:
        jobs.get(session, job_id)
        found = metrics.read(
            session,
            job_id,
            names=() if name is None else (name,),
            from_step=from_step,
            to_step=to_step,
            max_points=None if max_points == "all" else max_points,
            with_times=times,
        )
        if not found:
            retention.demand_kept(session, job_id, Kept.METRICS)
        return SeriesList(data=[SeriesRead.model_validate(series) for series in found])


@router.get("/timeline")
def read_timeline(job_id: str, caller: CallerDep) -> TimelineRead:
    """Where the job has been and when: waiting, in a phase of an attempt, or paused. Its attempts with it."""
    with caller.reading() as session:
        jobs.get(session, job_id)
        return TimelineRead(
            data=[StayRead.model_validate(stay) for stay in timeline.stays(session, job_id)],
            attempts=[AttemptRead.model_validate(one) for one in timeline.executions(session, job_id)],
        )


@router.get("/samples")
def list_samples(
    job_id: str, caller: CallerDep, after: After = 0, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> SamplePage:
    """What the model answered to held-out rows at each evaluation that asked it, oldest first."""
    with caller.reading() as session:
        jobs.get(session, job_id)
        found = samples.after(session, job_id, after, limit + 1)
        data = [EvaluationRead.of(event) for event in found[:limit]]
        return SamplePage(data=data, has_more=len(found) > limit, last_id=data[-1].event_id if data else after)


@router.get("/samples/{line}/images/{number}", response_class=Response, responses=PICTURED)
def read_sample_image(
    job_id: str,
    line: Annotated[int, Path(ge=1, lt=2**31)],
    number: Annotated[int, Path(ge=0, lt=2**31)],
    caller: CallerDep,
) -> Response:
    """An image of a held-out row, small, as evaluations told it; numbers count from 0."""
    with caller.reading() as session:
        jobs.get(session, job_id)
        found = samples.thumbnail(session, job_id, line, number)
    return picture(content_of(found or ""))


@router.get("/checkpoints")
def list_checkpoints(job_id: str, caller: CallerDep) -> CheckpointList:
    """States that the job can go on from, newest first."""
    with caller.reading() as session:
        jobs.get(session, job_id)
        found = checkpoints.of_job(session, job_id)
        if not found:
            retention.demand_kept(session, job_id, Kept.CHECKPOINTS)
        return CheckpointList(data=[CheckpointRead.model_validate(checkpoint) for checkpoint in found])
