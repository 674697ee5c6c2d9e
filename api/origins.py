"""Where a request comes from, as browsers say it: a page of somebody else's must do nothing with a cookie of ours.

Browsers say it by `Sec-Fetch-Site`, which pages cannot forge; where a service is reached by plain http under a name,
they leave that out and send `Origin`. Programs send neither.
Source: Go's `net/http.CrossOriginProtection`, after https://words.filippo.io/csrf.
"""

from enum import Enum
from urllib.parse import urlsplit

from fastapi import Request

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
_OURS = frozenset({"same-origin", "none"})
"""A page of this service, or a person at the address bar."""


class Origin(Enum):
    """Whose page has sent a request."""

    OURS = "ours"
    ANOTHER = "another"
    UNSAID = "unsaid"
    """Of no browser, as it seems."""


class CrossSite(Exception):
    """A page of somebody else's would change something, or a browser does not say whose page it is."""

    def __init__(self) -> None:
        super().__init__(
            "a browser may change something only from the service's own pages; "
            "programs send a key: Authorization: Bearer ty_…"
        )


def origin_of(request: Request) -> Origin:
    """Whose page has sent a request, by what the browser says of it."""
    if site := request.headers.get("sec-fetch-site"):
        return Origin.OURS if site in _OURS else Origin.ANOTHER
    if origin := request.headers.get("origin"):
        # Behind a proxy that speaks TLS the scheme is another here, so it is left out.
        is_ours = urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
        return Origin.OURS if is_ours else Origin.ANOTHER
    return Origin.UNSAID


def refuse_others(request: Request) -> None:
    """Let no page of somebody else's change anything.

    Raises:
        CrossSite: One would.
    """
    if request.method not in SAFE and origin_of(request) == Origin.ANOTHER:
        raise CrossSite


def demand_ours(request: Request) -> None:
    """Let nothing change but from this service's own pages.

    Raises:
        CrossSite: The request is not known to come from one.
    """
    if request.method not in SAFE and origin_of(request) != Origin.OURS:
        raise CrossSite
