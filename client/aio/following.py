"""Following what a job tells: a stream that breaks is opened again behind the last message that was read."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence

from httpx2 import EventSource, codes

from client.aio.concurrency import sleep
from client.aio.transport import AsyncTransport
from client.errors import ConnectionBroken
from client.streaming import END, StreamMessage

_AGAIN_SECONDS = 0.2
"""Before a stream that was cut is opened again: a service that cuts each one at once is not asked at full speed."""


async def follow(
    transport: AsyncTransport, path: str, types: Sequence[str], last_id: str | None, patience_seconds: float
) -> AsyncIterator[StreamMessage]:
    """Every message to the end, each once but for `job`, which is told anew by each stream.

    Raises:
        ConnectionBroken: Streams broke for `patience_seconds` before they told anything.
    """
    params = {"types": ",".join(types)} if types else {}
    broken_since: float | None = None
    while True:
        try:
            async for message in _read(transport, path, params, last_id, patience_seconds):
                broken_since, last_id = None, message.id
                yield message
                if message.type == END:
                    return
        except ConnectionBroken:
            broken_since = broken_since or time.monotonic()
            if time.monotonic() - broken_since > patience_seconds:
                raise
        await sleep(_AGAIN_SECONDS)


async def _read(
    transport: AsyncTransport, path: str, params: Mapping[str, str], last_id: str | None, patience_seconds: float
) -> AsyncIterator[StreamMessage]:
    """One stream, to its end or to where it breaks."""
    headers = {"Accept": "text/event-stream"} | ({} if last_id is None else {"Last-Event-ID": last_id})
    async with transport.stream(path, headers, params=params, patience_seconds=patience_seconds) as response:
        if response.status_code == codes.NO_CONTENT:
            yield StreamMessage(END, last_id, {})
            return
        async for told in EventSource(response, max_event_size=None):  # answers may come with their images
            if not told.data:
                continue  # the greeting
            data = told.json()
            assert isinstance(data, dict)
            yield StreamMessage(told.event, told.id or last_id, data)
