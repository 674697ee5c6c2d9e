"""What this process counts of itself, for `/metrics`. It knows no database: see `standing.py` for the service.

Labels are of few values that are known here: never an id, never a word of a user.
"""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from store.doorbell import Bell

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"
"""A method that is none, and a path that no route has: clients may send what they like."""
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)
_EVENT_STREAM = "text/event-stream"


class Meters:
    """The meters of one process, in a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when each counter began doubles what is scraped
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.requests = Histogram(
            "tuneyard_http_request_duration_seconds",
            "From a request to the end of its answer; of a stream of events, to the beginning of it",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = self._gauge("tuneyard_http_requests_in_flight", "Requests that are being answered")
        self.request_bytes = self._counter("tuneyard_http_request_bytes", "Bytes of requests' bodies")
        self.response_bytes = self._counter("tuneyard_http_response_bytes", "Bytes of answers' bodies")
        self.wrong_keys = self._counter("tuneyard_wrong_keys", "Requests with a key that opens nothing")
        self._readers = self._gauge("tuneyard_stream_readers", "Readers of jobs' streams of events")
        self.rings = Counter(
            "tuneyard_doorbell_rings", "Rings of the doorbell", ("bell", "outcome"), registry=self.registry
        )
        for bell in Bell:
            for outcome in ("rung", "failed"):
                self.rings.labels(bell.name.lower(), outcome)

    def count_readers(self, count: Callable[[], int]) -> None:
        """Have somebody asked for the number of readers of streams."""
        self._readers.set_function(count)

    def _counter(self, name: str, told: str) -> Counter:
        return Counter(name, told, registry=self.registry)

    def _gauge(self, name: str, told: str) -> Gauge:
        return Gauge(name, told, registry=self.registry)


class Metered:
    """Middleware that meters requests."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered, and count what it took."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(self._meters, scope, receive, send)
        with self._meters.in_flight.track_inprogress():
            try:
                await self._app(scope, answer.receive, answer.send)
            finally:
                answer.end()


class _Answer:
    """One request on its way through."""

    def __init__(self, meters: Meters, scope: Scope, receive: Receive, send: Send) -> None:
        self._meters, self._scope, self._receive, self._send = meters, scope, receive, send
        self._begun_at = time.perf_counter()
        self._status = "500"
        """Of one that broke off before it began."""
        self._is_told = False
        self._length: int | None = None

    async def receive(self) -> Message:
        message = await self._receive()
        self._meters.request_bytes.inc(len(message.get("body", b"")))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begin(message)
        elif message["type"] == "http.response.pathsend":  # the kernel sends it
            self._meters.response_bytes.inc(self._length or 0)
        else:
            self._meters.response_bytes.inc(len(message.get("body", b"")))
        await self._send(message)

    def end(self) -> None:
        if not self._is_told:
            self._is_told = True
            method = self._scope["method"] if self._scope["method"] in _METHODS else _OTHER
            taken = self._meters.requests.labels(method, route_of(self._scope) or _OTHER, self._status)
            taken.observe(time.perf_counter() - self._begun_at)

    def _begin(self, message: Message) -> None:
        headers = Headers(raw=message["headers"])
        self._status = str(message["status"])
        length = headers.get("content-length", "")
        self._length = int(length) if length.isdigit() else None
        if headers.get("content-type", "").startswith(_EVENT_STREAM):
            self.end()


def route_of(scope: Scope) -> str | None:
    """The template of the path that a request was answered by; None if no route has it."""
    return getattr(scope.get("route"), "path_format", None)
