"""Asking for a report and waiting for it: a worker finds out, since the API knows no model."""

import time
from http import HTTPStatus
from typing import Annotated, Any

import anyio
from fastapi import Query
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api.base_models import check_base_model
from api.guard import Caller
from api.integrations import check_integrations
from api.views import ReportRead
from store import inspections
from store.doorbell import Bell
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import JobSpec

_LOOK_SECONDS = 0.1
WaitSeconds = Annotated[
    float, Query(ge=0, allow_inf_nan=False, description="Seconds to wait for the report; it is made all the same")
]
_LATER: dict[int | str, dict[str, Any]] = {
    202: {"model": ReportRead, "description": "Not there yet: ask again where Location says"}
}
REPORTED: dict[str, Any] = {"response_model": ReportRead, "responses": _LATER}
DRY_RUN: dict[int | str, dict[str, Any]] = {200: {"model": ReportRead, "description": "Of a dry run"}, **_LATER}


async def report_on(spec: JobSpec, caller: Caller, wait_seconds: float) -> JSONResponse:
    """Ask for a report about a job that is not submitted, and answer with it, or with where it will be."""
    inspection_id = await run_in_threadpool(_ask, spec, caller)
    caller.parts.doorbell.ring(Bell.INSPECTIONS)
    return await answer(inspection_id, caller, wait_seconds)


async def answer(inspection_id: str, caller: Caller, wait_seconds: float) -> JSONResponse:
    """The report that was asked for, or 202 if it is not there in time."""
    until = time.monotonic() + min(wait_seconds, caller.parts.settings.max_wait_seconds)
    while True:
        found = await run_in_threadpool(_look, inspection_id, caller)
        if found.report is not None or time.monotonic() >= until:
            break
        await anyio.sleep(_LOOK_SECONDS)
    status = HTTPStatus.ACCEPTED if found.report is None else HTTPStatus.OK
    return JSONResponse(found.model_dump(mode="json"), status, headers={"Location": f"/reports/{inspection_id}"})


def with_time(report: JobReport, base_model: str, caller: Caller) -> JobReport:
    """The report, its training time told at the pace of earlier jobs."""
    if report.estimate is None:
        return report
    with caller.reading() as session:
        seconds = inspections.seconds_at_pace(session, base_model, report.estimate.flops)
    return report.model_copy(update={"estimate": report.estimate.model_copy(update={"seconds": seconds})})


def _ask(spec: JobSpec, caller: Caller) -> str:
    check_base_model(spec.base_model, caller)
    check_integrations(spec, caller.parts.settings)
    with caller.writing() as session:
        return inspections.request(session, spec)


def _look(inspection_id: str, caller: Caller) -> ReportRead:
    with caller.reading() as session:
        found = inspections.get(session, inspection_id)
    report = None if found.report is None else with_time(found.report, found.spec.base_model, caller)
    return ReportRead(id=found.id, report=report, created_at=found.created_at)
