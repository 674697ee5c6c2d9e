"""/jobs/{id}/stream: what a job tells, as it tells it."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.event_stream import EVENT_STREAM, EventStream
from api.guard import Caller, CallerDep
from api.messages import TYPES
from store import jobs
from store.stream import PLACE, Place

router = APIRouter(prefix="/jobs/{job_id}", tags=["reports"])

_ALL = ",".join(TYPES)
_TYPE = "|".join(TYPES)
_END = "-end"
_ID = f"^{PLACE.pattern}({_END})?$"
_NOW = "now"
_ID_OR_NOW = f"^(({PLACE.pattern})({_END})?|{_NOW})$"
Types = Annotated[
    str, Query(pattern=f"^({_TYPE})(,({_TYPE}))*$", description="Only messages of these types, and the end")
]
LastEventId = Annotated[str | None, Header(pattern=_ID, description="Id of the last message that was read")]
LastEventIdAsked = Annotated[
    str | None,
    Query(
        alias="last_event_id",
        pattern=_ID_OR_NOW,
        description="The same, for who can send no header; the header goes before. "
        "`now` leaves out what is past, for who reads that elsewhere",
    ),
]
STREAMED: dict[int | str, dict[str, Any]] = {
    200: {"content": EVENT_STREAM, "description": "Server-sent events"},
    204: {"description": "The end was read and nothing has come since: do not come back"},
}


@router.get("/stream", response_class=StreamingResponse, responses=STREAMED)
async def stream_job(
    job_id: str,
    caller: CallerDep,
    types: Types = _ALL,
    last_event_id: LastEventId = None,
    last_event_id_asked: LastEventIdAsked = None,
) -> Response:
    """What the job tells, as server-sent events: first what is past, then what comes, until it ends.

    A reader that was cut off comes back with the id of the last message it read, and misses nothing.
    docs/streaming.md tells what each message holds.
    """
    since = last_event_id or last_event_id_asked or str(Place())
    await run_in_threadpool(_look_for, job_id, caller)
    told = await caller.parts.streams.open(
        job_id,
        None if since == _NOW else Place.parse(since.removesuffix(_END)),
        frozenset(types.split(",")),
        has_heard_end=since.endswith(_END),
    )
    if told is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return EventStream(told)


def _look_for(job_id: str, caller: Caller) -> None:
    """Streams know no projects: whose job it is, is looked up before."""
    with caller.reading() as session:
        jobs.get(session, job_id)
