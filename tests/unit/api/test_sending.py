"""What a connection does with files that are not as they were said to be."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import uvicorn
from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

from api.sending import Connection
from client.listening import listen

CONTENT = b"content" * 1_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def port(path: Path) -> Iterator[int]:
    """A server of one file, whose size it has known since it began."""
    stat = path.stat()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await FileResponse(path, stat_result=stat)(scope, receive, send)

    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, http=Connection, lifespan="off", log_level="critical"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()


def ask(port: int, num_requests: int = 1) -> bytes:
    """All that comes before the connection is closed."""
    with closing(socket.create_connection(("127.0.0.1", port))) as connection:
        request = b"GET / HTTP/1.1\r\nHost: h\r\n"
        connection.sendall((request + b"\r\n") * (num_requests - 1) + request + b"Connection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(1 << 20), b""))


def test_a_file_follows_its_head(port: int) -> None:
    head, _, body = ask(port).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200 OK")
    assert body == CONTENT


def test_requests_that_come_together_are_answered_in_their_order(port: int) -> None:
    assert ask(port, 3).count(CONTENT) == 3


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"more"])
def test_a_file_of_another_size_is_not_passed_off_as_whole(port: int, path: Path, content: bytes) -> None:
    path.write_bytes(content)

    _, _, body = ask(port).partition(b"\r\n\r\n")

    assert len(body) < len(CONTENT)
