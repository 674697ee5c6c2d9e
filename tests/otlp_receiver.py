"""Receives spans as a collector does: OTLP over HTTP, in protobuf."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Value = str | int | float | bool


@dataclass(frozen=True)
class Received:
    """A span as it came."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    begun_at: int
    ended_at: int
    """Both in nanoseconds since the epoch."""
    is_error: bool
    attributes: dict[str, Value]


@dataclass
class Collector:
    """Where spans are sent, and what has come."""

    endpoint: str
    spans: list[Received] = field(default_factory=list)

    def named(self, name: str) -> list[Received]:
        return [span for span in tuple(self.spans) if span.name == name]

    def only(self, name: str) -> Received:
        (found,) = self.named(name)
        return found


@contextmanager
def receiving() -> Iterator[Collector]:
    """A collector that listens until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            collector.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _spans(request: ExportTraceServiceRequest) -> Iterator[Received]:
    for of_resource in request.resource_spans:
        service = next(one.value.string_value for one in of_resource.resource.attributes if one.key == "service.name")
        for span in (one for scope in of_resource.scope_spans for one in scope.spans):
            yield Received(
                service=service,
                name=span.name,
                kind=span.kind,
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                begun_at=span.start_time_unix_nano,
                ended_at=span.end_time_unix_nano,
                is_error=span.status.code == span.status.STATUS_CODE_ERROR,
                attributes={one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes},
            )
