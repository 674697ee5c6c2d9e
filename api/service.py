"""What FastAPI answers by itself is told as everything else is told, and declared as it is told."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.meters import Metered, Meters
from api.openai.errors import is_for_openai
from api.request_ids import RequestIds
from api.tracing import Traced
from telemetry.traces import Traces

_JSON = "application/json"
_FAILED = "4XX"


def finish(app: FastAPI, meters: Meters, traces: Traces) -> None:
    """Put the last things around an application that has all its routes, handlers and middleware."""
    make = app.openapi
    app.openapi = lambda: _with_problems(make())  # type: ignore[method-assign]  # as FastAPI has it extended
    answering = Metered(_LargeBodies(app.build_middleware_stack()), meters)
    app.middleware_stack = RequestIds(Traced(answering, traces))


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """The document, in which problems have the media type that they are sent with; FastAPI gives them the answer's."""
    for path, operations in document["paths"].items():
        for operation in {} if is_for_openai(path) else operations.values():
            content = operation["responses"][_FAILED]["content"]
            if _JSON in content:
                content[problems.MEDIA_TYPE] = content.pop(_JSON)
    return document


class _LargeBodies:
    """Tells of a body that is too large as of anything else that is refused, not as plain text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_refused = False

        async def told(message: Message) -> None:
            nonlocal is_refused
            is_refused = is_refused or _is_refusal(message)
            if not is_refused:
                await send(message)

        await self._app(scope, receive, told)
        if is_refused:
            await problems.body_too_large(Request(scope))(scope, receive, send)


def _is_refusal(message: Message) -> bool:
    if message["type"] != "http.response.start" or message["status"] != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return False
    return Headers(raw=message["headers"]).get("content-type", "").startswith("text/plain")
