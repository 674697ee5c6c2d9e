"""Which addresses of strangers are asked, and that it is the one that was checked."""

import asyncio
import socket
import ssl
import threading
from typing import Any

import httpx2
import pytest
import trustme

from api.egress import AddressRefused, Egress, is_public
from tests.unit.api.receiver import receiving

PUBLIC, PRIVATE = "93.184.216.34", "127.0.0.1"


class Names:
    """Stands where the system's resolver would be: each question is answered with the next set of numbers."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    def __call__(self, _host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        numbers = self._answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port)) for number in numbers]


def number_of(url: str, egress: Egress | None = None) -> str:
    return asyncio.run((egress or Egress()).number_of(httpx2.URL(url)))


def test_a_public_name_is_asked_at_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Names([PUBLIC]))

    assert number_of("https://hooks.example/") == PUBLIC


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.216.34/",
        "ftp://93.184.216.34/",
        "https:///nowhere",
        "https://user:word@93.184.216.34/",
        "https://user@93.184.216.34/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1:8443/",
        "https://0.0.0.0/",
        "https://localhost/",
        "https://93.184.216.34@127.0.0.1/",
    ],
)
def test_what_is_not_of_the_public_internet_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        number_of(url)


def test_a_name_that_is_private_beside_public_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Names([PUBLIC, PRIVATE]))

    with pytest.raises(AddressRefused, match=r"hooks\.example is not a public address"):
        number_of("https://hooks.example/")


def test_a_name_that_leads_elsewhere_after_it_was_checked_is_asked_where_it_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def ask(url: str) -> int:
        egress = Egress(is_allowed=lambda number: number == PRIVATE, private_hosts=frozenset({"hooks.example"}))
        async with egress.client(60) as client:
            return (await egress.send(client, "POST", httpx2.URL(url))).status_code

    with receiving() as receiver:
        port = receiver.url.rpartition(":")[2]
        monkeypatch.setattr(socket, "getaddrinfo", Names([PRIVATE]))  # who asks twice finds nothing

        assert asyncio.run(ask(f"http://hooks.example:{port}/x")) == 200

    assert receiver.told[0].headers["Host"] == f"hooks.example:{port}"


def test_names_that_nobody_answers_for_hold_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    may_answer = threading.Event()

    def look_up(name: str, port: int, *_: Any, **__: Any) -> list[Any]:
        if name == "slow.example":
            may_answer.wait(240)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC, port))]

    async def ask() -> str:
        egress = Egress()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(64):
                tasks.create_task(egress.number_of(httpx2.URL("https://slow.example/")))
            number = await asyncio.wait_for(egress.number_of(httpx2.URL("https://hooks.example/")), 120)
            may_answer.set()
        return number

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    assert asyncio.run(ask()) == PUBLIC


def test_two_names_of_one_number_do_not_share_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    server_tls, tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("bücher.example").configure_cert(server_tls)
    authority.configure_trust(tls)

    async def ask(egress: Egress, port: str) -> int:
        async with egress.client(60) as client:
            first = await egress.send(client, "POST", httpx2.URL(f"https://bücher.example:{port}/"), content=b"")
            await first.aread()
            await first.aclose()
            with pytest.raises(httpx2.ConnectError, match=r"not valid for 'other\.example'"):
                await egress.send(client, "POST", httpx2.URL(f"https://other.example:{port}/"), content=b"")
            return first.status_code

    with receiving(server_tls) as receiver:
        port = receiver.url.rpartition(":")[2]
        monkeypatch.setattr(socket, "getaddrinfo", Names([PRIVATE], [PRIVATE]))
        assert asyncio.run(ask(Egress(is_allowed=lambda number: number == PRIVATE, tls=tls), port)) == 200

    assert [told.headers["Host"] for told in receiver.told] == [f"xn--bcher-kva.example:{port}"]


def test_a_host_that_the_operator_trusts_may_be_private_and_without_tls() -> None:
    egress = Egress(private_hosts=frozenset({"127.0.0.1"}))

    assert number_of("http://127.0.0.1:8000/", egress) == "127.0.0.1"
    with pytest.raises(AddressRefused):
        number_of("http://127.0.0.2:8000/", egress)


@pytest.mark.parametrize(
    ("number", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("fe80::1%eth0", False),
    ],
)
def test_which_addresses_are_public(number: str, *, public: bool) -> None:
    assert is_public(number) is public
