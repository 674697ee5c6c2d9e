"""Following a stream that breaks."""

from collections.abc import Iterator

import pytest

from client import Tuneyard
from client.errors import ApiError, ConnectionBroken
from client.streaming import StreamMessage
from client.sync.following import follow
from client.sync.transport import Transport
from tests.unit.client.samples import JOB
from tests.unit.client.stub_service import Answer, StubService, as_json, problem, told

PATH = "/jobs/ftjob-1/stream"
LINES = [("log", f"e0-s0-m0-l{number}", {"id": number}) for number in (1, 2, 3)]
JOB_TOLD = ("job", None, JOB)
END = ("end", "e0-s0-m0-l3-end", dict[str, object]())


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.sync.following._AGAIN_SECONDS", 0)


def following(transport: Transport, *, patience_seconds: float = 180) -> Iterator[StreamMessage]:
    return follow(transport, PATH, (), None, patience_seconds)


def ids_asked_for(stub: StubService) -> list[str | None]:
    return [asked.headers.get("Last-Event-ID") for asked in stub.asked]


def test_messages_come_with_type_id_and_data(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [told(LINES[0], END)]

    messages = list(tuneyard.jobs.stream("ftjob-1"))

    assert messages == [StreamMessage(*LINES[0]), StreamMessage(*END)]
    assert stub.asked[0].path == PATH


def test_types_and_place_go_to_the_service(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [told(END)]

    list(tuneyard.jobs.stream("ftjob-1", types=("metric", "log"), last_id="e0-s0-m0-l1"))

    assert stub.asked[0].path == f"{PATH}?types=metric%2Clog"
    assert ids_asked_for(stub) == ["e0-s0-m0-l1"]


@pytest.mark.parametrize("is_clean", [True, False])
def test_a_stream_that_breaks_goes_on_behind_its_last_message(
    transport: Transport, stub: StubService, *, is_clean: bool
) -> None:
    whole = len(told(LINES[0]).body)
    first = told(LINES[0]) if is_clean else told(*LINES[:2], cut_at=whole + 30)
    stub.answers = [first, told(JOB_TOLD, *LINES[1:], END)]

    messages = [message for message in following(transport) if message.type != "job"]

    assert [message.id for message in messages] == [id_ for _, id_, _ in [*LINES, END]]
    assert ids_asked_for(stub) == [None, LINES[0][1]]


def test_a_job_told_anew_moves_nothing(transport: Transport, stub: StubService) -> None:
    stub.answers = [told(LINES[0]), told(JOB_TOLD), told(END)]

    messages = list(following(transport))

    assert messages[1].data["id"] == JOB["id"]
    assert ids_asked_for(stub) == [None, LINES[0][1], LINES[0][1]]


def test_a_service_that_is_away_is_waited_for(transport: Transport, stub: StubService) -> None:
    stub.answers = [told(LINES[0]), problem(503, "database_unavailable"), Answer(status=502), told(END)]

    assert [message.type for message in following(transport)] == ["log", "end"]


def test_nothing_more_to_tell_is_the_end(transport: Transport, stub: StubService) -> None:
    stub.answers = [Answer(status=204)]

    assert [message.type for message in following(transport)] == ["end"]


def test_a_job_that_is_not_there_is_told(transport: Transport, stub: StubService) -> None:
    stub.answers = [problem(404, "job_not_found")]

    with pytest.raises(ApiError, match="job_not_found"):
        list(following(transport))


def test_what_is_no_stream_is_given_up(transport: Transport, stub: StubService) -> None:
    stub.answers = [as_json({})]

    with pytest.raises(ConnectionBroken, match="text/event-stream"):
        list(following(transport, patience_seconds=0))
