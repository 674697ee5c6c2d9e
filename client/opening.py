"""`tuneyard open`: the dashboard in a browser that is signed in.

A link whose fragment holds the key signs a browser in, and a fragment is sent to nobody. But what a browser is started
with can be read by every account of the machine for as long as it runs. So it is started with an address of this
process, good for one look, which sends it on.
"""

import secrets
import webbrowser
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

_WAIT_SECONDS = 60.0
"""How long the browser may take to come."""


def link_of(url: str, key: str | None) -> str:
    """The dashboard of a service, as whoever has the key sees it."""
    return f"{url}/#key={key}" if key else f"{url}/"


def show(link: str, wait_seconds: float = _WAIT_SECONDS) -> bool:
    """Send a browser to a link; False if there is none, or it has not come."""
    with _Once(link) as once:
        serving = Thread(target=once.serve_forever, daemon=True)
        serving.start()
        try:
            return webbrowser.open(once.address) and once.is_taken.wait(wait_seconds)
        finally:
            once.shutdown()


class _Once(ThreadingHTTPServer):
    """Sends whoever comes first on to a link."""

    def __init__(self, link: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._links = [link]
        self.path = f"/{secrets.token_urlsafe()}"
        self.address = f"http://127.0.0.1:{self.server_port}{self.path}"
        self.is_taken = Event()

    def take(self, path: str) -> str | None:
        """The link, to whoever asks first and with the right path."""
        if not secrets.compare_digest(path.encode(), self.path.encode()):
            return None
        with suppress(IndexError):  # of two who ask at once, one is given it
            return self._links.pop()
        return None


class _Handler(BaseHTTPRequestHandler):
    server: _Once

    def do_GET(self) -> None:
        link = self.server.take(self.path)
        self.send_response(HTTPStatus.FOUND if link else HTTPStatus.NOT_FOUND)
        if link:
            self.send_header("Location", link)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", "0")
        self.end_headers()
        if link:
            self.server.is_taken.set()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
