"""What of HTTP is the same whether one waits for an answer or not: which failures pass, and where files lie."""

import httpx2

from client.errors import ApiError, BucketUnreachable, ConnectionBroken, ServiceUnreachable, TuneyardError

_PASSING = frozenset({502, 503, 504})
"""Statuses of a service, or of a proxy before it, that is on its way back."""
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
DIRECT = ("all://127.0.0.1", "all://localhost", "all://[::1]")
"""Never through a proxy that the environment names."""


def is_passing(error: BaseException) -> bool:
    """True if the same request may be answered when it is sent again."""
    if isinstance(error, ApiError):
        return error.status in _PASSING
    return isinstance(error, ServiceUnreachable | ConnectionBroken)


def has_never_arrived(error: BaseException) -> bool:
    """True if the service has not seen the request."""
    return isinstance(error, ServiceUnreachable)


def told(error: httpx2.TransportError, request: httpx2.Request, url: str) -> TuneyardError:
    """What went wrong on the way to the service at `url`, or to the bucket that it named."""
    if not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return ConnectionBroken(url, error)
    is_ours = request.url.host == httpx2.URL(url).host
    return ServiceUnreachable(url) if is_ours else BucketUnreachable(request.url.host)


def elsewhere(response: httpx2.Response) -> httpx2.Request:
    """The request for a file at the URL of the bucket that the service named; nothing else of ours goes there.

    The service named the version with its own ETag, which the bucket does not know.
    """
    asked = response.request.headers
    wanted = ["Accept-Encoding"]
    if asked.get("If-Range") in {None, response.headers.get("ETag")}:
        wanted.append("Range")
    headers = {name: asked[name] for name in wanted if name in asked}
    return httpx2.Request("GET", response.request.url.join(response.headers["Location"]), headers=headers)
