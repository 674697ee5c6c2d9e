"""/jobs/{id}/integrations: how far a job was told to trackers and to the hub, and what TensorBoard reads of it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

from api.guard import CallerDep
from api.serving import REDIRECTED, serve
from api.views import IntegrationList, IntegrationRead
from store import jobs, trackings

router = APIRouter(prefix="/jobs/{job_id}", tags=["integrations"])


@router.get("/integrations")
def list_integrations(job_id: str, caller: CallerDep) -> IntegrationList:
    """Whom the job is told to: where it is to be seen there, and why not if it is not."""
    with caller.reading() as session:
        jobs.get(session, job_id)
        found = trackings.of_job(session, job_id)
    return IntegrationList(data=[IntegrationRead.of(one) for one in found])


@router.post("/integrations/{name}/retry")
def retry_integration(
    job_id: str,
    name: Annotated[str, Path(description="`type` of its target: `tensorboard`, `mlflow`, `wandb` or `hub`")],
    caller: CallerDep,
) -> IntegrationRead:
    """Tell the job at once to a target that was given up; if it still takes nothing, it is tried for three days."""
    with caller.writing() as session:
        jobs.get(session, job_id)
        return IntegrationRead.of(trackings.retry(session, job_id, name))


@router.get("/tensorboard", response_class=FileResponse, responses=REDIRECTED)
def download_event_file(job_id: str, caller: CallerDep) -> FileResponse:
    """The job's event file: put into a folder, `tensorboard --logdir` shows it."""
    with caller.reading() as session:
        job = jobs.get(session, job_id)
        followed = [one for one in trackings.of_job(session, job_id) if one.kind == "tensorboard" and one.memory]
    if not followed:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"job {job_id} has no event file: it asks for none, or waits still")
    place = caller.parts.storage.event_file(job.project_id, job.id)
    return serve(
        caller.parts.storage,
        place,
        redirects=caller.parts.settings.redirect_downloads,
        filename=place.name,
        media_type="application/octet-stream",
    )
