"""To which names the service answers: a page that has its name resolve to this host is none of them (S18)."""

import pytest
from fastapi.testclient import TestClient

from api.hosts import KnownHosts

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def _nobody(*_: object) -> None:
    """Stands for the service."""


@on_sqlite
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "", "a@127.0.0.1",
     "127.0.0.1/x", "evil.example.", "x.localhost.example", "EVIL.example", "[::1", "[evil.example]"],
)  # fmt: skip
def test_a_host_of_somebody_else_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/jobs", headers={"Host": host})

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_host")


@on_sqlite
@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1:8000", "[::1]:8000", "192.168.1.20", "gpu-box:8000", "api", "a.localhost", "LOCALHOST."],
)
def test_an_address_or_a_name_of_the_local_network_is_answered(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("names", "host", "known"),
    [
        (["tuneyard.example.com"], "tuneyard.example.com:443", True),
        (["tuneyard.example.com"], "other.example.com", False),
        (["*.lab.example.com"], "a.lab.example.com", True),
        (["*.lab.example.com"], "lab.example.com.evil.example", False),
        (["*"], "anything.example", True),
    ],
)
def test_an_operator_names_further_hosts(names: list[str], host: str, *, known: bool) -> None:
    assert KnownHosts(_nobody, names).knows(host) is known


def test_a_host_is_known_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "gpu1.corp.example")

    hosts = KnownHosts(_nobody)

    assert hosts.knows("gpu1.corp.example:8000")
    assert not hosts.knows("gpu2.corp.example")


@on_sqlite
def test_no_other_origin_is_let_in(client: TestClient) -> None:
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}

    answers = [client.get("/healthz", headers=asked), client.options("/jobs", headers=asked)]

    assert [name for one in answers for name in one.headers if name.startswith("access-control")] == []
