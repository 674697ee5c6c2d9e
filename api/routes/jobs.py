"""/jobs: submit, look, wait, and ask something of a job."""

import hashlib
import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Body, Query, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.base_models import check_base_model
from api.conditional import UNCHANGED, IfNoneMatch, etag_of, is_known, told
from api.examples import SPECS
from api.guard import Caller, CallerDep
from api.inspecting import DRY_RUN, REPORTED, WaitSeconds, report_on
from api.integrations import check_integrations
from api.metadata import MetadataDep
from api.repeating import NamedDep, Repeat
from api.views import JobCounts, JobPage, JobRead
from store import forecast, inspections, jobs, listing, waiting
from store.doorbell import Bell
from store.forecast import UNKNOWN, Expected
from store.lifecycle import ENDED, JobStatus
from store.submissions import KeyTaken
from store.tables import Job
from telemetry.about import note
from telemetry.traces import current
from trainer_core.contract.spec import JobSpec, Supervised

router = APIRouter(prefix="/jobs", tags=["jobs"])

_LOOK_SECONDS = 0.25
"""How often a waiting request looks at the job."""
_WHAT = "job"
_MEANT_BEFORE: Mapping[str, Any] = {
    "objective": Supervised().model_dump(mode="json"),
    "integrations": [],
    "push_to_hub": None,
}
"""What specs meant before they could say it: its digest is what it was then."""

Spec = Annotated[JobSpec, Body(openapi_examples=SPECS)]


@router.post("", status_code=HTTPStatus.CREATED, response_model=JobRead, responses=DRY_RUN)
async def submit_job(
    spec: Spec,
    caller: CallerDep,
    named: NamedDep,
    dry_run: Annotated[bool, Query(description="Tell what is known about the job, and submit none")] = False,  # noqa: FBT002
) -> Response:
    """Submit a fine-tuning job; it is queued once its rows and its model have been found to fit.

    With an `Idempotency-Key`, sending the same body again within 72 hours answers with the same job.
    """
    if dry_run:
        return await report_on(spec, caller, caller.parts.settings.max_wait_seconds)
    job, is_replayed = await run_in_threadpool(_submit, spec, named, caller)
    note(job_id=job.id)
    caller.parts.doorbell.ring(Bell.INSPECTIONS)
    return JSONResponse(
        job.model_dump(mode="json"),
        HTTPStatus.CREATED,
        headers={"Location": f"/jobs/{job.id}"} | ({"Idempotency-Replayed": "true"} if is_replayed else {}),
    )


def _submit(spec: JobSpec, named: Repeat | None, caller: Caller) -> tuple[JobRead, bool]:
    """The job, and whether an earlier request with this name has submitted it."""
    digest = _digest(spec)
    if named is not None and (job := _submitted_before(named, digest, caller)):
        return job, True
    check_base_model(spec.base_model, caller)
    check_integrations(spec, caller.parts.settings)
    traceparent = current()
    try:
        with caller.parts.traces.span("write job"), caller.writing() as session:
            submitted = inspections.submit(session, spec, traceparent)
            if named is not None:
                named.keep(session, _WHAT, digest, submitted.id)
            return _view(session, submitted), False
    except KeyTaken:
        return _submit(spec, named, caller)


def _submitted_before(named: Repeat, digest: str, caller: Caller) -> JobRead | None:
    with caller.reading() as session:
        job_id = named.made_before(session, _WHAT, digest)
        return None if job_id is None else _view(session, jobs.get(session, job_id))


def _digest(spec: JobSpec) -> str:
    """Of what the body means, not of how it was written."""
    told = spec.model_dump(mode="json")
    said = {name: value for name, value in told.items() if name not in _MEANT_BEFORE or value != _MEANT_BEFORE[name]}
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


@router.post("/preview", **REPORTED)
@router.post("/estimate", **REPORTED)
@router.post("/validate", **REPORTED)
async def report_on_job(spec: Spec, caller: CallerDep, wait: WaitSeconds = 60) -> Response:
    """Find out what is known about a job without submitting it.

    Whether it would run, and which line is wrong if not; its lengths, duplicates and leaks; its memory, disk and time;
    its first rows as the model will read them, with what of them is trained on. All three answer the same.
    """
    return await report_on(spec, caller, wait)


@router.get("", response_model=JobPage, responses=UNCHANGED)
def list_jobs(
    caller: CallerDep,
    metadata: MetadataDep,
    status: Annotated[list[JobStatus], Query(description="Of which they have one; may be given several times")] = [],  # noqa: B006
    base_model: str | None = None,
    search: Annotated[
        str | None, Query(max_length=255, description="What id, base model or suffix holds, in upper or lower case")
    ] = None,
    after: Annotated[str | None, Query(description="Id of the last job of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Jobs, newest first; `metadata[name]=value` leaves those that have it, `metadata=null` those without any.

    With the ETag of an earlier answer in `If-None-Match`, the answer is 304 as long as the jobs are as they were.
    """
    with caller.reading() as session:
        found = listing.page(
            session,
            statuses=status,
            base_model=base_model,
            metadata=metadata,
            search=search,
            after=after,
            limit=limit + 1,
        )
        places = waiting.positions(session, found)
        plain = [JobRead.of(job, places.get(job.id)) for job in found[:limit]]
        page = JobPage(data=plain, has_more=len(found) > limit, last_id=plain[-1].id if plain else None)
        etag = etag_of(page)
        if is_known(etag, if_none_match):
            return told(page, etag, if_none_match)
        expected = forecast.expected(session, found[:limit])
    return told(page.model_copy(update={"data": [_with(job, expected) for job in plain]}), etag, if_none_match)


@router.get("/counts")
def count_jobs(caller: CallerDep) -> JobCounts:
    """How many jobs there are of each status."""
    with caller.reading() as session:
        return JobCounts.model_validate(listing.counts(session))


@router.get("/{job_id}", response_model=JobRead, responses=UNCHANGED)
async def read_job(
    job_id: str,
    caller: CallerDep,
    wait: Annotated[
        float, Query(ge=0, allow_inf_nan=False, description="Seconds to wait for a change, or for the end")
    ] = 0,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """One job.

    With `wait`, the answer comes once the job differs from the ETag in `If-None-Match`, or, without that header,
    once the job has ended; at the latest after so many seconds.
    """
    until = time.monotonic() + min(wait, caller.parts.settings.max_wait_seconds)
    while True:
        job = await run_in_threadpool(_load, caller, job_id)
        etag = etag_of(job)
        is_news = not is_known(etag, if_none_match) if if_none_match else job.status in ENDED
        if is_news or time.monotonic() >= until:
            break
        await anyio.sleep(_LOOK_SECONDS)
    if not is_known(etag, if_none_match) and job.status not in ENDED:
        job = await run_in_threadpool(_expecting, caller, job)
    return told(job, etag, if_none_match)


@router.post("/{job_id}/cancel")
def cancel_job(job_id: str, caller: CallerDep) -> JobRead:
    """End a job: at once if it waits, within seconds if it runs."""
    with caller.writing() as session:
        return _view(session, jobs.request_cancel(session, job_id))


@router.post("/{job_id}/pause")
def pause_job(job_id: str, caller: CallerDep) -> JobRead:
    """Let a job wait: at once if it is queued; a running one first finishes its step, saves and frees its GPU."""
    with caller.writing() as session:
        return _view(session, jobs.request_pause(session, job_id))


@router.post("/{job_id}/resume")
def resume_job(job_id: str, caller: CallerDep) -> JobRead:
    """Queue a paused job; it goes on from its last checkpoint, to the bit as if it had never waited."""
    with caller.writing() as session:
        job = _view(session, jobs.resume(session, job_id))
    caller.parts.doorbell.ring(Bell.JOBS)
    return job


@router.post("/{job_id}/retry")
def retry_job(job_id: str, caller: CallerDep) -> JobRead:
    """Queue a failed or cancelled job again; it goes on from its last checkpoint."""
    with caller.writing() as session:
        job = _view(session, jobs.retry(session, job_id))
    caller.parts.doorbell.ring(Bell.JOBS if job.status == JobStatus.QUEUED else Bell.INSPECTIONS)
    return job


@router.post("/{job_id}/stop-and-save")
def finish_job(job_id: str, caller: CallerDep) -> JobRead:
    """End a job's training after its current step and keep what it has learned: the job succeeds with that."""
    with caller.writing() as session:
        job = _view(session, jobs.request_finish(session, job_id))
    caller.parts.doorbell.ring(Bell.JOBS)
    return job


def _load(caller: Caller, job_id: str) -> JobRead:
    """Without what is expected of it, which moves with the time and is no change."""
    with caller.reading() as session:
        job = jobs.get(session, job_id)
        return JobRead.of(job, waiting.positions(session, [job]).get(job.id))


def _expecting(caller: Caller, job: JobRead) -> JobRead:
    with caller.reading() as session:
        return _with(job, forecast.expected(session, [jobs.get(session, job.id)]))


def _with(job: JobRead, expected: Mapping[str, Expected]) -> JobRead:
    found = expected.get(job.id, UNKNOWN)
    return job.model_copy(update={"expected_start_at": found.start_at, "expected_end_at": found.end_at})


def _view(session: Session, job: Job) -> JobRead:
    expected = forecast.expected(session, [job]).get(job.id, UNKNOWN)
    return JobRead.of(job, waiting.positions(session, [job]).get(job.id), expected)
