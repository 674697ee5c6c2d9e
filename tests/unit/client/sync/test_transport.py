"""What is sent again, and what is not."""

import pytest

from client.errors import ApiError, ConnectionBroken, ServiceUnreachable, UnreadableInput
from client.sync.transport import Transport
from tests.unit.client.stub_service import Answer, StubService, as_json, problem

CUT = Answer(b"half an answer", cut_at=4)
NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize("fault", [CUT, Answer(status=502), problem(503, "database_unavailable"), Answer(status=504)])
def test_reading_is_repeated_until_the_service_is_back(transport: Transport, stub: StubService, fault: Answer) -> None:
    stub.answers = [fault, fault, as_json({"is": "back"})]

    answer = transport.get("/healthz")

    assert answer.json() == {"is": "back"}


def test_reading_gives_up_when_patience_ends(stub: StubService) -> None:
    stub.answers = [problem(503, "database_unavailable")]
    transport = Transport(stub.url, patience_seconds=0)

    with pytest.raises(ApiError, match="database_unavailable"):
        transport.get("/healthz")

    transport.close()


def test_refusal_is_final(transport: Transport, stub: StubService) -> None:
    stub.answers = [problem(404, "job_not_found")]

    with pytest.raises(ApiError):
        transport.get("/jobs/1")

    assert len(stub.asked) == 1


def test_asking_is_not_repeated_once_it_may_have_arrived(transport: Transport, stub: StubService) -> None:
    stub.answers = [CUT]

    with pytest.raises(ConnectionBroken):
        transport.ask("POST", "/jobs")

    assert len(stub.asked) == 1


def test_asking_what_may_repeat_is_repeated(transport: Transport, stub: StubService) -> None:
    stub.answers = [CUT, as_json({})]

    transport.ask("POST", "/jobs/1/cancel", repeats=True)

    assert len(stub.asked) == 2


def test_nobody_there_is_told_with_what_to_do() -> None:
    transport = Transport(NOWHERE, patience_seconds=0)

    with pytest.raises(ServiceUnreachable, match=f"no service at {NOWHERE}") as caught:
        transport.get("/jobs")

    assert "tuneyard up" in str(caught.value.hint)
    transport.close()


def test_proxy_of_the_environment_is_not_asked_for_this_machine(
    stub: StubService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", NOWHERE)
    monkeypatch.setenv("ALL_PROXY", NOWHERE)
    stub.answers = [as_json({})]
    transport = Transport(stub.url, patience_seconds=0)

    answer = transport.get("/healthz")

    assert answer.is_success
    transport.close()


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host", "http:/host"])
def test_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(UnreadableInput, match="http"):
        Transport(url, patience_seconds=0)
