"""/jobs/metrics: the curves of several jobs, to be drawn over each other."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.guard import CallerDep
from api.report_views import Comparison, SeriesOfJob
from api.routes.reports import Times
from api.views import SeriesRead
from store import jobs, metrics
from store.series import MIN_POINTS

router = APIRouter(prefix="/jobs", tags=["reports"])


@router.get("/metrics")
def compare_metrics(
    job: Annotated[list[str], Query(min_length=1, max_length=20, description="Id of a job; given once for each")],
    caller: CallerDep,
    name: Annotated[list[str], Query(description="Of a metric; may be given several times, none asks for all")] = [],  # noqa: B006
    max_points: Annotated[int, Query(ge=MIN_POINTS, le=10_000, description="Of each series")] = 1000,
    times: Times = False,  # noqa: FBT002
) -> Comparison:
    """Numbers by step of several jobs, thinned as those of one job are."""
    data = []
    with caller.reading() as session:
        for job_id in dict.fromkeys(job):
            jobs.get(session, job_id)
            found = metrics.read(session, job_id, names=name, max_points=max_points, with_times=times)
            data += [SeriesOfJob(job_id=job_id, **SeriesRead.model_validate(one).model_dump()) for one in found]
    return Comparison(data=data)
