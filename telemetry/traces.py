"""Traces: which work belongs to which request, across processes and hours. It imports nothing unless it is asked to.

Where a trace is continued, W3C's `traceparent` says so: in a request's header, in a job's row. What is done now belongs
to `current()`; a thread has that only if it was handed its context (`contextvars.copy_context`).
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from telemetry.about import about

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

Attributes = Mapping[str, str | int | float | bool]
_FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)

log = logging.getLogger(__name__)


class Kind(StrEnum):
    """What a span is to those around it."""

    INTERNAL = "INTERNAL"
    PRODUCER = "PRODUCER"
    """It tells somebody who will do something later."""
    CONSUMER = "CONSUMER"
    """It does what was asked for earlier."""


class Span(Protocol):
    """Some work with a beginning and an end."""

    def tell(self, attributes: Attributes) -> None:
        """Say more of it."""

    def fail(self, reason: str) -> None:
        """Mark it as failed."""


class Traces(Protocol):
    """Where spans go."""

    @property
    def provider(self) -> "TracerProvider | None":
        """For libraries that make spans of their own; None if nothing is traced."""

    def begun(self) -> str | None:
        """Traceparent of the span that such a library has begun here, if it has."""

    def span(
        self, name: str, kind: Kind = Kind.INTERNAL, *, parent: str | None = None, attributes: Attributes | None = None
    ) -> AbstractContextManager[Span]:
        """Have what is done in the block be a span, in which further ones are. An error that leaves it marks it.

        Args:
            parent: The traceparent of the span that it is a part of; None is `current()`.
        """

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

    def close(self) -> None:
        """Send what is left, for a moment: whoever receives it may be away."""


class Untraced:
    """Traces nothing, but keeps what is done together with the trace that others have begun."""

    provider = None

    def begun(self) -> str | None:
        """None has begun any."""
        return None

    def tell(self, attributes: Attributes) -> None:
        """Nobody hears it."""

    def fail(self, reason: str) -> None:
        """Nobody hears it."""

    @contextmanager
    def span(
        self, name: str, kind: Kind = Kind.INTERNAL, *, parent: str | None = None, attributes: Attributes | None = None
    ) -> Iterator[Span]:
        """The span that others have begun, if they have."""
        del name, kind, attributes
        with within(parent or current()):
            yield self

    def record(
        self,
        name: str,
        begun_at: datetime,
        ended_at: datetime,
        *,
        parent: str | None = None,
        attributes: Attributes | None = None,
    ) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is left."""


UNTRACED: Traces = Untraced()


def make(program: str) -> Traces:
    """Traces as the environment asks for them: OpenTelemetry's own variables say whether, and where to."""
    is_off = (
        os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    )
    if is_off or not any(map(os.environ.get, _ENDPOINTS)):
        return UNTRACED
    try:
        from telemetry.otel import Otel  # noqa: PLC0415 - megabytes that nobody needs who has not asked
    except ModuleNotFoundError as error:
        log.warning("nothing is traced: install tuneyard[otel] (%s)", error)
        return UNTRACED
    return Otel(program)


def current() -> str | None:
    """The traceparent of what is done now; None if it belongs to no trace."""
    return _current.get()


@contextmanager
def within(traceparent: str | None) -> Iterator[None]:
    """Have what is done in the block belong to a trace; logs tell its id."""
    token = _current.set(traceparent)
    try:
        with about(trace_id=traceparent and traceparent.split("-")[1]):
            yield
    finally:
        _current.reset(token)


def heard(traceparent: str | None) -> str | None:
    """What somebody sent as a traceparent, if it is one."""
    return traceparent if traceparent and _FORM.fullmatch(traceparent) else None


def moment() -> datetime:
    """Now, by this host's clock: spans are measured by nothing else."""
    return datetime.now(UTC)
