"""By which names the service answers: a page of somebody else's must not reach it through the browser of a person here.

A page at evil.example may have its own name resolve to 127.0.0.1 and then talk to this service as if it were its own
host; only the name in `Host` tells (DNS rebinding). Whoever rebinds needs a name of his own in the public DNS: never an
IP address, and never a name without a dot.
"""

import re
import socket
from collections.abc import Iterable
from fnmatch import fnmatchcase
from http import HTTPStatus
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import problem

_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::\d{1,5})?")
_LOCAL = ".localhost"


class KnownHosts:
    """Middleware that answers requests for unknown hosts with 400.

    Args:
        app: Answers the others.
        names: Further names; `*` stands for any part, `*.example.com` say, and alone for every name.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        self._app = app
        self._own = frozenset({_lowered(socket.gethostname()), f"{_lowered(socket.gethostname())}.local"})
        self._names = tuple(map(_lowered, names))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or have it answered."""
        if scope["type"] == "lifespan" or self.knows(Headers(scope=scope).get("host", "")):
            await self._app(scope, receive, send)
            return
        detail = "This service does not answer to the name in the Host header; TUNEYARD_ALLOWED_HOSTS says to which"
        await problem(Request(scope), HTTPStatus.BAD_REQUEST, "unknown_host", detail)(scope, receive, send)

    def knows(self, host: str) -> bool:
        """True if a `Host` header names this service: by address, by a name of the local network alone, or as told."""
        match = _HOST.fullmatch(host.lower())
        if match is None:
            return "*" in self._names
        name = _lowered(match["v6"] or match["name"])
        is_local = "." not in name or name.endswith(_LOCAL) or _is_address(name)
        return is_local or name in self._own or any(fnmatchcase(name, pattern) for pattern in self._names)


def _lowered(name: str) -> str:
    return name.lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
