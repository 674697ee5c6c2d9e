"""A real HTTP server on loopback that answers as a test tells it to, faults included."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """A response, or the first part of one."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    """Close the connection after so many bytes of the body."""


Told = Answer | Callable[[Asked], Answer]


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(json.dumps(value).encode(), status, headers)


def problem(status: int, code: str, detail: str = "no", **extra: object) -> Answer:
    return as_json({"status": status, "code": code, "detail": detail, **extra}, status)


def told(*messages: tuple[str, str | None, object], cut_at: int | None = None) -> Answer:
    """Server-sent events, each a type, perhaps an id, and data."""
    lines = [
        f"event: {type_}\ndata: {json.dumps(data)}\n" + (f"id: {id_}\n" if id_ else "") for type_, id_, data in messages
    ]
    body = "retry: 1000\n\n" + "".join(f"{one}\n" for one in lines)
    return Answer(body.encode(), headers={"Content-Type": "text/event-stream"}, cut_at=cut_at)


def ranged(content: bytes, cut_at: int | None = None) -> Callable[[Asked], Answer]:
    """A file that honours Range, over a connection that may close after so many bytes."""

    def answer(asked: Asked) -> Answer:
        if not (found := re.fullmatch(r"bytes=(\d+)-(\d+)", asked.headers.get("Range", ""))):
            return Answer(content, cut_at=cut_at)
        return Answer(content[int(found[1]) : int(found[2]) + 1], 206, cut_at=cut_at)

    return answer


class StubService(ThreadingHTTPServer):
    """Gives the answers that were put in, in their order; the last one again and again."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[Asked] = []
        self.answers: list[Told] = []
        self._lock = threading.Lock()

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            told = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return told(asked) if callable(told) else told


class _Handler(BaseHTTPRequestHandler):
    server: StubService

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.server.answer(Asked(self.command, self.path, dict(self.headers), body))
        self.send_response_only(answer.status)
        usual = {"Date": self.date_time_string(), "Content-Length": str(len(answer.body))}
        for name, value in {**usual, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body[: answer.cut_at])

    do_DELETE = do_PATCH = do_POST = do_PUT = do_GET  # noqa: N815 - http.server's own names

    def log_message(self, *_: object) -> None:
        """Be silent."""
