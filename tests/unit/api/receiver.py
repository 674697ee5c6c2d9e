"""Whoever is told of events: a real HTTP server on this machine, which answers as a test says."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.patience import PATIENCE_SECONDS


@dataclass(frozen=True)
class Told:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Answers each request with the next of the statuses that are set for its path, else 200; /hang with nothing."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.told: list[Told] = []
        self.statuses: dict[str, list[int]] = {}
        self.headers: dict[str, str] = {"Content-Length": "0"}
        self.may_answer = threading.Event()
        self._news = threading.Condition()

    def take(self, told: Told) -> int:
        """Keep a request; the status of its answer."""
        with self._news:
            self.told.append(told)
            self._news.notify_all()
        if told.path == "/hang":
            self.may_answer.wait(PATIENCE_SECONDS)
        statuses = self.statuses.get(told.path)
        return statuses.pop(0) if statuses else 200

    def wait_for(self, num_told: int) -> None:
        """Return once so many requests have come."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.told) >= num_told, PATIENCE_SECONDS), self.told


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = receiver.take(Told(self.path, dict(self.headers), body))
        self.send_response(status)
        for name, value in receiver.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Listen on a free port of loopback, over TLS if a context for that is given."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}")
    server.receiver = receiver  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield receiver
    receiver.may_answer.set()
    server.shutdown()
    thread.join()
    server.server_close()
