"""Spans as OpenTelemetry has them, sent by OTLP over HTTP. Where and how is said by its own environment variables."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Thread

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from telemetry.redaction import redacted
from telemetry.traces import Attributes, Kind, Span, current, within

_CLOSE_SECONDS = 2.0
"""How long the last spans may take: whoever ends may hold a slot."""
_QUERY = "url.query"
_HEADER = "traceparent"
_PROPAGATOR = TraceContextTextMapPropagator()


class OtelSpan:
    """A span that is open."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def tell(self, attributes: Attributes) -> None:
        """Say more of it."""
        self._span.set_attributes(attributes)

    def fail(self, reason: str) -> None:
        """Mark it as failed."""
        self._span.set_status(StatusCode.ERROR, reason)


class Otel:
    """Sends spans in the background."""

    def __init__(self, program: str) -> None:
        named = SERVICE_NAME in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "") or "OTEL_SERVICE_NAME" in os.environ
        resource = Resource.create({} if named else {SERVICE_NAME: f"tuneyard-{program}"})
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.provider.add_span_processor(_WithoutSecrets())
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self.provider.get_tracer("tuneyard")

    def begun(self) -> str | None:
        """Traceparent of the span that a library has begun here, if it has."""
        return _traceparent(trace.get_current_span())

    @contextmanager
    def span(
        self, name: str, kind: Kind = Kind.INTERNAL, *, parent: str | None = None, attributes: Attributes | None = None
    ) -> Iterator[Span]:
        """Have what is done in the block be a span."""
        begun = self._tracer.start_span(name, _context(parent or current()), SpanKind[kind], attributes)
        with trace.use_span(begun, end_on_exit=True), within(_traceparent(begun)):
            yield OtelSpan(begun)

    def record(
        self,
        name: str,
        begun_at: datetime,
        ended_at: datetime,
        *,
        parent: str | None = None,
        attributes: Attributes | None = None,
    ) -> None:
        """Add a span of what is over."""
        context = _context(parent or current())
        begun = self._tracer.start_span(name, context, attributes=attributes, start_time=_nanoseconds(begun_at))
        begun.end(_nanoseconds(max(begun_at, ended_at)))

    def close(self) -> None:
        """Send what is left, for a moment."""
        sending = Thread(target=self.provider.shutdown, name="last spans", daemon=True)
        sending.start()
        sending.join(_CLOSE_SECONDS)


class _WithoutSecrets(SpanProcessor):
    """Makes unreadable what libraries tell of queries."""

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """Look at what was told at the beginning; there is nothing of the kind later."""
        del parent_context
        query = (span.attributes or {}).get(_QUERY)
        if query is not None:
            span.set_attribute(_QUERY, redacted(str(query)))


def _context(traceparent: str | None) -> Context:
    # Never what is at hand for OpenTelemetry itself: a span belongs to what it was told, or begins a trace.
    return _PROPAGATOR.extract({_HEADER: traceparent} if traceparent else {}, Context())


def _traceparent(span: trace.Span) -> str | None:
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, trace.set_span_in_context(span, Context()))
    return carrier.get(_HEADER)


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
