"""/jobs/{id}/stream of a job that has ended: its past, and its end."""

import pytest
from fastapi.testclient import TestClient

from store.database import Database
from store.leases import Lease
from store.stream import Kind, Place
from tests.unit.api.event_stream import Message, facts, parse_all
from tests.unit.told import PREDICTION, succeed, tell_step


@pytest.fixture
def ended(lease: Lease, database: Database) -> str:
    """The path of the stream of a job that has told a bit of everything."""
    for step in (1, 2, 3):
        tell_step(database, lease, step, is_evaluated=step == 2)
    succeed(database, lease)
    return f"/jobs/{lease.job_id}/stream"


def read(client: TestClient, path: str, **asked: str) -> list[Message]:
    return parse_all(client.get(path, params=asked).text)


def of_type(messages: list[Message], type_: str) -> list[Message]:
    return [message for message in messages if message.type == type_]


def test_it_begins_with_the_job_and_ends_with_the_end(client: TestClient, ended: str) -> None:
    first, *_, last = read(client, ended)

    assert (first.type, first.data["status"]) == ("job", "succeeded")
    assert last.type == "end"


def test_a_job_is_told_as_it_is_read(client: TestClient, ended: str) -> None:
    first, *_ = read(client, ended)

    assert first.data == client.get(ended.removesuffix("/stream")).json()


@pytest.mark.parametrize(("type_", "path"), [("event", "events"), ("log", "logs")])
def test_rows_are_told_as_they_are_read(client: TestClient, ended: str, type_: str, path: str) -> None:
    told = [message.data for message in of_type(read(client, ended), type_)]

    assert told == client.get(ended.replace("stream", path)).json()["data"]


def test_from_now_on_nothing_past_is_told(client: TestClient, ended: str) -> None:
    told = read(client, ended, last_event_id="now")

    assert [message.type for message in told] == ["job", "end"]


def test_points_of_a_step_are_one_message(client: TestClient, ended: str) -> None:
    told = [message.data for message in of_type(read(client, ended), "metric")]

    assert [(points["attempt"], points["step"]) for points in told] == [(1, 1), (1, 2), (1, 3)]
    assert told[1]["values"] == {"loss": 0.5, "learning_rate": 0.5}


def test_answers_of_an_evaluation_are_a_message_of_their_own(client: TestClient, ended: str) -> None:
    (sample,) = of_type(read(client, ended), "sample")

    assert (sample.data["step"], sample.data["attempt"]) == (2, 1)
    assert sample.data["predictions"] == [PREDICTION | {"thumbnails": []}]


@pytest.mark.parametrize("types", ["log", "metric,log", "job", "sample,event"])
def test_types_that_are_not_asked_for_are_left_out(client: TestClient, ended: str, types: str) -> None:
    told = {message.type for message in read(client, ended, types=types)}

    assert told == {*types.split(","), "end"}


def test_from_each_message_on_the_rest_is_told(client: TestClient, ended: str) -> None:
    whole = [message for message in read(client, ended) if message.id]

    for index, message in enumerate(whole[:-1]):
        rest = client.get(ended, headers={"Last-Event-ID": str(message.id)}).text
        assert facts(parse_all(rest)) == facts(whole[index + 1 :])


def test_a_browser_names_the_place_in_the_address_at_first(client: TestClient, ended: str) -> None:
    *_, last_row, _ = read(client, ended)

    assert not any(facts(read(client, ended, last_event_id=str(last_row.id))).values())


def test_the_header_goes_before_the_address(client: TestClient, ended: str) -> None:
    *_, last_row, _ = read(client, ended)

    told = client.get(ended, params={"last_event_id": str(Place())}, headers={"Last-Event-ID": str(last_row.id)})

    assert not any(facts(parse_all(told.text)).values())


def test_who_has_heard_the_end_need_not_come_back(client: TestClient, ended: str) -> None:
    *_, end = read(client, ended)

    assert client.get(ended, headers={"Last-Event-ID": str(end.id)}).status_code == 204


def test_who_has_heard_the_end_hears_what_came_after_it(client: TestClient, ended: str) -> None:
    *_, end = read(client, ended)
    place = Place.parse(str(end.id).removesuffix("-end"))
    earlier = f"{place.behind(Kind.EVENT, place.event - 1)}-end"

    answer = client.get(ended, headers={"Last-Event-ID": earlier})

    assert answer.status_code == 200
    assert [len(rows) for rows in facts(parse_all(answer.text)).values()] == [1, 0, 0, 0]


def test_a_place_that_was_never_reached_is_the_end(client: TestClient, ended: str) -> None:
    told = read(client, ended, last_event_id="e999999-s999999-m999999-l999999")

    assert [message.type for message in told] == ["job", "end"]


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ({"last_event_id": "7"}, "last_event_id"),
        ({"last_event_id": "e1-s1-m1-l1-e"}, "last_event_id"),
        ({"types": "logs"}, "types"),
        ({"types": ""}, "types"),
        ({"types": "log,"}, "types"),
    ],
)
def test_what_cannot_be_understood_is_named(
    client: TestClient, ended: str, asked: dict[str, str], location: str
) -> None:
    problem = client.get(ended, params=asked).json()

    assert (problem["status"], problem["errors"][0]["location"]) == (422, location)


def test_a_malformed_header_is_named(client: TestClient, ended: str) -> None:
    problem = client.get(ended, headers={"Last-Event-ID": "e1"}).json()

    assert (problem["status"], problem["errors"][0]["location"]) == (422, "last-event-id")


def test_an_unknown_job_is_404(client: TestClient) -> None:
    assert client.get("/jobs/ftjob-none/stream").json()["code"] == "job_not_found"


def test_nobody_on_the_way_keeps_it_or_holds_it_back(client: TestClient, ended: str) -> None:
    answer = client.get(ended)

    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert (answer.headers["Cache-Control"], answer.headers["X-Accel-Buffering"]) == ("no-cache", "no")


def test_what_is_longer_than_a_page_is_told_whole(client: TestClient, lease: Lease, database: Database) -> None:
    for step in range(1, 300):
        tell_step(database, lease, step)
    succeed(database, lease)

    told = facts(read(client, f"/jobs/{lease.job_id}/stream"))

    assert len(told["metric"]) == 2 * 299
    assert [step for _, step, name, _ in told["metric"] if name == "loss"] == list(range(1, 300))
