"""/v1/fine_tuning/jobs: OpenAI's view of the jobs that `/jobs` has, under the same ids."""

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.base_models import check_base_model
from api.event_stream import EVENT_STREAM, EventStream
from api.guard import Caller, CallerDep
from api.metadata import MetadataDep
from api.openai.event_views import FineTuningEventPage, event_view
from api.openai.events import follow
from api.openai.fine_tuning_body import MIN_EXAMPLES, CreateJob, spec_of
from api.openai.fine_tuning_views import (
    VALIDATION,
    Around,
    FineTuningCheckpoint,
    FineTuningJob,
    checkpoint_id,
)
from api.openai.paging import After, AfterJob, Page
from api.openai.parameters import BadParameter, refused_by
from api.repeating import Repeat, RepeatDep
from store import checkpoints, datasets, events, forecast, history, inspections, jobs, listing, stored_files, waiting
from store.doorbell import Bell
from store.file_tables import FileStatus, Purpose, StoredFile
from store.forecast import UNKNOWN
from store.submissions import KeyTaken
from store.tables import Job
from telemetry.traces import current
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.report import JobReport, Problem

router = APIRouter(prefix="/v1/fine_tuning/jobs", tags=["openai"])

_WHAT = "job"
_TRAINING = "Training file"
_NOT_OFFERED = (
    "integrations are not told anything: this service does not offer {}; read metrics from events or result_files"
)


@router.post("")
async def create_job(body: CreateJob, caller: CallerDep, repeat: RepeatDep) -> FineTuningJob:
    """Create a fine-tuning job; docs/openai.md tells what becomes of each parameter.

    A client that sends this again because it has heard no answer gets the job that it has made before.
    """
    _check(body)
    await run_in_threadpool(check_base_model, body.base_model, caller)
    told = await run_in_threadpool(_create, body, caller, repeat)
    caller.parts.doorbell.ring(Bell.INSPECTIONS)
    return told


def _check(body: CreateJob) -> None:
    if body.method and body.method.type == "reinforcement":
        raise BadParameter("method", "reinforcement fine-tuning needs graders, which this service does not have")
    if body.asked.early_stopping_patience and body.validation_file is None:
        raise BadParameter("early_stopping_patience", "stopping early is decided on a validation_file; give one")


def _create(body: CreateJob, caller: Caller, repeat: Repeat) -> FineTuningJob:
    try:
        with caller.writing() as session:
            made = repeat.made_before(session, _WHAT, body.sha256)
            if made is not None:
                return _view(session, jobs.get(session, made))
            job = _submit(session, body, caller.parts.settings.integrations)
            repeat.keep(session, _WHAT, body.sha256, job.id)
            return _view(session, job)
    except KeyTaken:
        return _create(body, caller, repeat)


def _submit(session: Session, body: CreateJob, offered: Sequence[str]) -> Job:
    training = _file(session, "training_file", body.training_file)
    files = [(_TRAINING, training)]
    if body.validation_file is not None:
        files.append((VALIDATION, _file(session, "validation_file", body.validation_file)))
    try:
        spec = spec_of(body, _num_examples(session, training), offered)
    except ValidationError as error:
        raise refused_by(error) from error
    problem = next((found for what, file in files if (found := _problem(session, what, file))), None)
    if problem is not None:
        job = inspections.refuse(session, spec, JobReport(is_valid=False, problem=problem))
    else:
        job = inspections.submit(session, spec, current())
        events.record(session, job.id, 0, "files_validating", "Its files are being checked")
    if missing := sorted({one.type for one in body.integrations or ()} - set(offered)):
        events.record(session, job.id, 0, "warning", _NOT_OFFERED.format(", ".join(missing)))
    return job


def _file(session: Session, param: str, file_id: str) -> StoredFile:
    try:
        file = stored_files.get(session, file_id)
    except stored_files.StoredFileNotFound as error:
        raise BadParameter(param, f"{file_id!r} is no file of this project; upload it with POST /v1/files") from error
    if file.purpose != Purpose.FINE_TUNE:
        raise BadParameter(param, f"{file_id!r} was uploaded for {file.purpose}, not for fine-tune")
    return file


def _num_examples(session: Session, file: StoredFile) -> int:
    return 0 if file.status == FileStatus.ERROR else datasets.get(session, file.id).num_rows


def _problem(session: Session, what: str, file: StoredFile) -> Problem | None:
    """Why a job on a file fails at once."""
    if file.status == FileStatus.ERROR:
        message = f"{what} cannot be trained on: {file.status_details}"
        return Problem(code=FailureCode.INVALID_DATASET, message=message, faults=file.faults)
    num_examples = _num_examples(session, file)
    if what == _TRAINING and num_examples < MIN_EXAMPLES:
        message = f"{what} has {num_examples} example(s), but must have at least {MIN_EXAMPLES} examples"
        return Problem(code=FailureCode.TOO_FEW_EXAMPLES, message=message)
    return None


@router.get("")
def list_jobs(
    caller: CallerDep,
    metadata: MetadataDep,
    after: AfterJob = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Page[FineTuningJob]:
    """Jobs, newest first; `metadata[name]=value` leaves those that have it, `metadata=null` those without any."""
    with caller.reading() as session:
        found = listing.page(session, metadata=metadata, after=after, limit=limit + 1)
        return Page[FineTuningJob].of(_views(session, found), limit)


@router.get("/{job_id}")
def read_job(job_id: str, caller: CallerDep) -> FineTuningJob:
    """One job."""
    with caller.reading() as session:
        return _view(session, jobs.get(session, job_id))


@router.post("/{job_id}/cancel")
def cancel_job(job_id: str, caller: CallerDep) -> FineTuningJob:
    """End a job: at once if it waits, within seconds if it runs."""
    return _ask(job_id, caller, jobs.request_cancel)


@router.post("/{job_id}/pause")
def pause_job(job_id: str, caller: CallerDep) -> FineTuningJob:
    """Let a job wait; a running one saves a checkpoint and frees its GPU first, and is `pausing` meanwhile."""
    return _ask(job_id, caller, jobs.request_pause)


@router.post("/{job_id}/resume")
def resume_job(job_id: str, caller: CallerDep) -> FineTuningJob:
    """Queue a paused job; it goes on from its last checkpoint."""
    told = _ask(job_id, caller, jobs.resume)
    caller.parts.doorbell.ring(Bell.JOBS)
    return told


def _ask(job_id: str, caller: Caller, ask: Callable[[Session, str], Job]) -> FineTuningJob:
    with caller.writing() as session:
        return _view(session, ask(session, job_id))


@router.get(
    "/{job_id}/events", response_model=None, responses={200: {"model": FineTuningEventPage, "content": EVENT_STREAM}}
)
async def list_events(
    job_id: str,
    caller: CallerDep,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    stream: Annotated[bool, Query(description="As server-sent events, oldest first, to the job's end")] = False,  # noqa: FBT002
) -> Response:
    """What happened to a job and each of its steps, newest first."""
    told = await run_in_threadpool(_events, job_id, caller, after, limit)
    if not stream:
        return JSONResponse(told.model_dump(mode="json"))
    return EventStream(follow(job_id, caller, after))


def _events(job_id: str, caller: Caller, after: str | None, limit: int) -> FineTuningEventPage:
    with caller.reading() as session:
        job = jobs.get(session, job_id)
        try:
            found = history.before(session, job_id, after, limit + 1)
        except history.EventNotFound as error:
            raise BadParameter("after", str(error)) from error
        return FineTuningEventPage.of([event_view(entry, job) for entry in found], limit)


@router.get("/{job_id}/checkpoints")
def list_checkpoints(
    job_id: str, caller: CallerDep, after: After = None, limit: Annotated[int, Query(ge=1, le=100)] = 10
) -> Page[FineTuningCheckpoint]:
    """States of a job that are kept, newest first; each can be tried, shared and trained on."""
    with caller.reading() as session:
        job = jobs.get(session, job_id)
        found = list(checkpoints.of_job(session, job_id))
        names = [checkpoint_id(one) for one in found]
        if after is not None and after not in names:
            raise BadParameter("after", f"there is no checkpoint {after!r} of this job")
        rest = found if after is None else found[names.index(after) + 1 :]
        return Page[FineTuningCheckpoint].of([FineTuningCheckpoint.of(one, job) for one in rest], limit)


def _view(session: Session, job: Job) -> FineTuningJob:
    return _views(session, [job])[0]


def _views(session: Session, found: Sequence[Job]) -> list[FineTuningJob]:
    job_ids = [job.id for job in found]
    places = waiting.positions(session, found)
    expected = forecast.expected(session, found)
    reports = inspections.reports(session, job_ids)
    files = stored_files.of_jobs(session, job_ids)
    return [
        FineTuningJob.of(
            job,
            Around(
                queue_position=places.get(job.id),
                estimated_start=expected.get(job.id, UNKNOWN).start_at,
                report=reports.get(job.id),
                result_files=[file.id for file in files[job.id] if not file.path],
                output_files=[file.id for file in files[job.id] if file.path],
            ),
        )
        for job in found
    ]
