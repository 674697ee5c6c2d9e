"""Events of a job as server-sent events, from the first to the job's end, in OpenAI's shape."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import anyio
from fastapi.sse import format_sse_event
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from api.guard import Caller
from api.openai.fine_tuning_views import event_view
from store import history, jobs
from store.lifecycle import ENDED

_LOOK_SECONDS = 0.5
_PAGE_ROWS = 200


async def follow(job_id: str, caller: Caller, after: str | None) -> AsyncGenerator[bytes, None]:
    """What comes behind an event, oldest first; the last message is `[DONE]`, as in streams of chats."""
    while True:
        told, has_ended = await run_in_threadpool(_look, job_id, caller, after)
        for one in told:
            after = one["id"]
            yield format_sse_event(data_str=to_json(one).decode(), id=one["id"])
        if has_ended and len(told) < _PAGE_ROWS:
            yield b"data: [DONE]\n\n"
            return
        if not told:
            await anyio.sleep(_LOOK_SECONDS)


def _look(job_id: str, caller: Caller, after: str | None) -> tuple[Sequence[dict[str, Any]], bool]:
    with caller.reading() as session:
        job = jobs.get(session, job_id)  # before its events: one that has ended says nothing more
        found = history.after(session, job_id, after, _PAGE_ROWS)
        return [event_view(entry, job) for entry in found], job.status in ENDED
