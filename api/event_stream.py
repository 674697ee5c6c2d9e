"""The response that server-sent events are sent in, and how the documents declare it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi.sse import EventSourceResponse
from starlette.types import Receive, Scope, Send

_TEXT = {"type": "string"}
EVENT_STREAM = {
    "text/event-stream": {"itemSchema": {"type": "object", "properties": {"id": _TEXT, "event": _TEXT, "data": _TEXT}}}
}
"""Server-sent events as a document declares them: each on its own, since a stream may have no end."""


class EventStream(EventSourceResponse):
    """Closes what it reads from, however it ends."""

    def __init__(self, told: AsyncGenerator[bytes, None]) -> None:
        super().__init__(told, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is told, to its end or the reader's."""
        async with aclosing(self._told):
            await super().__call__(scope, receive, send)
