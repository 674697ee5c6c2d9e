"""Every reply carries an id, `x-request-id`, under which the service's log has it."""

import logging
from typing import Any
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from ulid import ULID

from telemetry.about import about

HEADER = "x-request-id"
_KEY = "tuneyard.request_id"
log = logging.getLogger(__name__)


def id_of(scope: Scope) -> str:
    """The id of a request."""
    found: str = scope[_KEY]
    return found


class RequestIds:
    """Gives each request an id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its reply back with its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope[_KEY] = f"req_{ULID()}".lower()

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
                _log(scope, request_id, message["status"])
            await send(message)

        with about(request_id=request_id):
            await self._app(scope, receive, told)


def _log(scope: Scope, request_id: str, status: Any) -> None:
    path = quote(scope["path"])  # else it could hold a line of its own
    more = {"method": scope["method"], "path": path, "status": status, "client": (scope.get("client") or [None])[0]}
    log.info("%s %s %s: %s", request_id, scope["method"], path, status, extra=more)
