"""Images from their addresses: over real TLS from a server on this machine, which is allowed here alone."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from api import fetching
from api.egress import is_public
from api.fetching import Fetcher
from trainer_core.contract.dataset import fetched_name


class Handler(BaseHTTPRequestHandler):
    """Answers with its path, leads on from /to/…, and has nothing at /none."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Host"]))  # type: ignore[attr-defined]
        leads_on = self.path.startswith("/to/")
        self.send_response(302 if leads_on else 404 if self.path == "/none" else 200)
        if leads_on:
            self.send_header("Location", self.path.removeprefix("/to/").replace("~", "https://"))
        self.send_header("Content-Length", str(len(self.path)))
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    asked: list[tuple[str, str]]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for seconds has not taken too long to answer."""
    monkeypatch.setattr(fetching, "_MAX_SECONDS", 120)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.asked = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def fetcher(server: Server, authority: trustme.CA) -> Fetcher:
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    return Fetcher(is_allowed=lambda number: number in {"127.0.0.1", "::1"}, port=server.server_port, tls=tls)


def fetched(fetcher: Fetcher, url: str, folder: Path) -> bytes | str:
    """What an address gave, or why it gave nothing."""
    asyncio.run(fetcher.fetch_all([url], folder))
    path = folder / fetched_name(url)
    return path.read_bytes() if path.exists() else path.with_suffix(".reason").read_text()


def url(server: Server, path: str) -> str:
    return f"https://localhost:{server.server_port}/{path}"


def test_what_an_address_gives_is_kept(server: Server, fetcher: Fetcher, tmp_path: Path) -> None:
    assert fetched(fetcher, url(server, "a.png"), tmp_path) == b"/a.png"
    assert server.asked == [("/a.png", f"localhost:{server.server_port}")]


def test_a_redirect_is_followed(server: Server, fetcher: Fetcher, tmp_path: Path) -> None:
    assert fetched(fetcher, url(server, "to//a.png"), tmp_path) == b"/a.png"


def test_a_redirect_to_another_kind_of_address_is_refused(server: Server, fetcher: Fetcher, tmp_path: Path) -> None:
    assert "only https" in str(fetched(fetcher, url(server, "to/http://localhost/"), tmp_path))


def test_a_redirect_to_what_is_not_public_is_refused(server: Server, fetcher: Fetcher, tmp_path: Path) -> None:
    leads_to = f"to/~10.0.0.1:{server.server_port}/"

    assert "10.0.0.1 is not a public address" in str(fetched(fetcher, url(server, leads_to), tmp_path))


def test_redirects_end(server: Server, fetcher: Fetcher, tmp_path: Path) -> None:
    assert "more than 3 redirects" in str(fetched(fetcher, url(server, "to//" * 5), tmp_path))


def test_an_answer_that_is_none_is_told(server: Server, fetcher: Fetcher, tmp_path: Path) -> None:
    assert "it answered 404" in str(fetched(fetcher, url(server, "none"), tmp_path))


def test_too_much_is_not_kept(
    server: Server, fetcher: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MAX_IMAGE_BYTES", 4)

    assert "larger than 4 bytes" in str(fetched(fetcher, url(server, "a.png"), tmp_path))


def test_a_certificate_of_nobody_is_not_trusted(server: Server, tmp_path: Path) -> None:
    fetcher = Fetcher(is_allowed=lambda _: True, port=server.server_port)

    assert "certificate" in str(fetched(fetcher, url(server, "a.png"), tmp_path)).lower()
    assert server.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost/",
        "https://user:word@localhost/",
        "https://localhost:22/",
        "https:///a.png",
        "file:///etc/passwd",
        "https://127.1/",
        "https://0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://ok\\@127.0.0.1/",
        "https://\udcff/",
    ],
)
def test_an_address_that_is_not_public_is_never_asked(address: str, tmp_path: Path) -> None:
    asyncio.run(Fetcher().fetch_all([address.encode(errors="replace").decode()], tmp_path))

    assert [path.suffix for path in tmp_path.iterdir()] == [".reason"]


class Canary:
    """A port of this host that counts whoever connects, before he has said a word."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def hits(self) -> int:
        """How many have come."""
        self._listener.settimeout(0)
        found = 0
        with suppress(BlockingIOError):
            while True:
                self._listener.accept()[0].close()
                found += 1
        return found

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    canary = Canary()
    yield canary
    canary.close()


def test_the_canary_counts_whoever_comes(canary: Canary) -> None:
    for _ in range(2):
        socket.create_connection(("127.0.0.1", canary.port)).close()

    assert canary.hits() == 2


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "0", "localhost", "localhost.", "[::1]",
     "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "ok\\@127.0.0.1",
     "ok@127.0.0.1", "127.0.0.1#@ok", "127.0.0.1%00.example.com", "①②⑦.⓪.⓪.①"],
)  # fmt: skip
def test_no_way_to_write_this_host_reaches_it(canary: Canary, host: str, tmp_path: Path) -> None:
    urls = [f"https://{host}:{canary.port}/", f"https://{host}/"]

    asyncio.run(Fetcher(port=canary.port).fetch_all(urls, tmp_path))

    assert {path.suffix for path in tmp_path.iterdir()} == {".reason"}
    assert canary.hits() == 0


def test_a_redirect_to_this_host_is_not_followed(server: Server, authority: trustme.CA, tmp_path: Path) -> None:
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    is_first = iter([True])
    fetcher = Fetcher(lambda number: next(is_first, False) or is_public(number), server.server_port, tls)

    asked_for = url(server, f"to/~127.0.0.1:{server.server_port}/secret")

    assert "not a public address" in str(fetched(fetcher, asked_for, tmp_path))
    assert [path for path, _ in server.asked] == [f"/to/~127.0.0.1:{server.server_port}/secret"]


def test_a_name_that_means_another_host_when_it_is_asked_again_is_asked_once(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["127.0.0.2", *["127.0.0.1"] * 9])

    def rebinding(_host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr("socket.getaddrinfo", rebinding)
    fetcher = Fetcher(lambda number: number == "127.0.0.2", canary.port)

    asyncio.run(fetcher.fetch_all([f"https://rebinding.example:{canary.port}/"], tmp_path))

    assert canary.hits() == 0
    assert len(list(answers)) == 9  # whoever resolves the name a second time may reach another host


def test_a_name_that_means_a_private_host_as_well_is_refused(
    canary: Canary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(_host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        found = ("93.184.216.34", "127.0.0.1")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port)) for number in found]

    monkeypatch.setattr("socket.getaddrinfo", both)

    told = fetched(Fetcher(port=canary.port), f"https://both.example:{canary.port}/", tmp_path)

    assert "not a public address" in str(told)
    assert canary.hits() == 0
