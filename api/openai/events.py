"""Events of a job as server-sent events, from the first to the job's end, in OpenAI's shape.

The job's own stream (`api/streaming.py`) says when there is something new, and pings while there is not. What is new is
read from the list: an event's id is a place in that, whose order is one of time.
"""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.concurrency import run_in_threadpool

from api.guard import Caller
from api.openai.event_views import FineTuningEvent, event_view
from store import history, jobs
from store.database import UNAVAILABLE
from store.lifecycle import ENDED
from store.stream import Kind

_LISTED = frozenset({Kind.EVENT, Kind.METRIC})
_PAGE_ROWS = 200

log = logging.getLogger(__name__)


async def follow(job_id: str, caller: Caller, after: str | None) -> AsyncGenerator[bytes, None]:
    """What comes behind an event, oldest first; the last message is `[DONE]`, as in streams of chats.

    Without that, the stream was cut: its reader comes back with the id of the last event that it has heard.
    """
    ringing = await caller.parts.streams.open(job_id, None, _LISTED)
    assert ringing is not None  # only who has heard the end is told nothing
    async with aclosing(ringing):
        async for rung in ringing:
            if rung == KEEPALIVE_COMMENT:
                yield rung
                continue
            has_more = True
            while has_more:
                try:
                    told, has_ended = await run_in_threadpool(_look, job_id, caller, after)
                except UNAVAILABLE as error:
                    log.warning("the database does not answer, a stream of events is cut: %s", error)
                    return
                for one in told:
                    after = one.id
                    yield format_sse_event(data_str=one.model_dump_json(), id=one.id)
                has_more = len(told) == _PAGE_ROWS
            if has_ended:
                yield b"data: [DONE]\n\n"
                return


def _look(job_id: str, caller: Caller, after: str | None) -> tuple[Sequence[FineTuningEvent], bool]:
    with caller.reading() as session:
        job = jobs.get(session, job_id)  # before its events: one that has ended says nothing more
        found = history.after(session, job_id, after, _PAGE_ROWS)
        return [event_view(entry, job) for entry in found], job.status in ENDED
