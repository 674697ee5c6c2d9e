"""Requests as spans: FastAPI makes them, in the trace that a client has begun if it says so."""

from collections.abc import MutableMapping
from typing import Any

from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from telemetry.traces import Traces, heard, within

_UNTRACED = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds, by machines."""


def native(traces: Traces) -> TelemetryConfig:
    """What FastAPI is to do: spans of requests where they are wanted, and nothing of its own beside."""
    return {
        "tracing": traces.provider is not None,
        "tracer_provider": traces.provider,
        "metrics": False,  # `meters.py` counts
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
        "exclude": _is_untraced,
    }


class Traced:
    """Middleware that has whatever a request leads to belong to its span, or to the one of a client alone."""

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self._app = app
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered in its trace."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with within(self._traces.begun() or heard(Headers(scope=scope).get("traceparent"))):
            await self._app(scope, receive, send)


def _is_untraced(scope: MutableMapping[str, Any]) -> bool:
    return scope.get("path") in _UNTRACED
