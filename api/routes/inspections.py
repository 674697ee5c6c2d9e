"""/reports and /jobs/{id}/report: what was found out about jobs before they train."""

from fastapi import APIRouter

from api.guard import CallerDep
from api.inspecting import REPORTED, WaitSeconds, answer, with_time
from store import inspections, jobs
from trainer_core.contract.report import JobReport

router = APIRouter(tags=["jobs"])


@router.get("/reports/{report_id}", **REPORTED)
async def read_report(report_id: str, caller: CallerDep, wait: WaitSeconds = 0) -> object:
    """A report that was asked for; it is kept for a day."""
    return await answer(report_id, caller, wait)


@router.get("/jobs/{job_id}/report")
def read_job_report(job_id: str, caller: CallerDep) -> JobReport:
    """What was found out about a submitted job before it was queued, or why it was not."""
    with caller.reading() as session:
        report, base_model = inspections.of_job(session, job_id), jobs.get(session, job_id).base_model
    return with_time(report, base_model, caller)
