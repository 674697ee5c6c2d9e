"""Events of a job in OpenAI's words: newest first in pages, oldest first as a stream."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from store.database import Database
from store.leases import Lease
from tests.unit.api.openai.training import JOBS, create, evaluate, save, start, step, succeed


@pytest.fixture
def run(client: TestClient, database: Database) -> Lease:
    """A job with two steps, an evaluation and a checkpoint, that succeeds."""
    create(client)
    lease = start(database)
    step(database, lease, 1, 0.5)
    step(database, lease, 2, 0.25)
    evaluate(database, lease, 2, 0.75)
    save(database, lease, 2)
    succeed(database, lease)
    return lease


def events(client: TestClient, run: Lease, **asked: Any) -> Any:
    return client.get(f"{JOBS}/{run.job_id}/events", params=asked).json()


def stream(client: TestClient, run: Lease, **asked: Any) -> list[str]:
    """What the stream says, to its end."""
    text = client.get(f"{JOBS}/{run.job_id}/events", params={"stream": "true", **asked}).text
    return [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]


def test_events_are_told_in_openais_order_and_words(client: TestClient, run: Lease) -> None:
    told = [event["message"] for event in reversed(events(client, run, limit=100)["data"])]

    assert told[0] == f"Created fine-tuning job: {run.job_id}"
    assert told[1].startswith("Validating training file: file-")
    assert told[2].startswith("Files validated, moving job to queued state")
    assert told[3:6] == [
        "Fine-tuning job started",
        "Step 1/?: training loss=0.5000",
        "Step 2/?: training loss=0.2500",
    ]
    assert told[-1] == "The job has successfully completed"


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_of_events_join(client: TestClient, run: Lease, limit: int) -> None:
    whole = [event["id"] for event in events(client, run, limit=100)["data"]]

    found: list[str] = []
    while True:
        page = events(client, run, limit=limit, **({"after": found[-1]} if found else {}))
        found += [event["id"] for event in page["data"]]
        if not page["has_more"]:
            break

    assert found == whole


def test_steps_and_evaluations_carry_what_was_measured(client: TestClient, run: Lease) -> None:
    found = [event["data"] for event in events(client, run, limit=100)["data"] if event["type"] == "metrics"]

    assert [(one["step"], one["train_loss"], one["valid_loss"], one["full_valid_loss"]) for one in found] == [
        (2, None, 0.75, 0.75),
        (2, 0.25, None, None),
        (1, 0.5, None, None),
    ]


def test_a_stream_tells_the_same_from_the_first_to_the_end(client: TestClient, run: Lease) -> None:
    *told, last = stream(client, run)

    assert [json.loads(one) for one in told] == events(client, run, limit=100)["data"][::-1]
    assert last == "[DONE]"


def test_a_stream_goes_on_behind_an_event(client: TestClient, run: Lease) -> None:
    newest, before = events(client, run, limit=2)["data"]

    assert [json.loads(one) for one in stream(client, run, after=before["id"])[:-1]] == [newest]


@pytest.mark.parametrize("event_id", ["ftevent-e999999", "ftevent-x1", "nonsense", "ftevent-e" + "9" * 40])
def test_an_event_that_is_not_there_is_named(client: TestClient, run: Lease, event_id: str) -> None:
    assert events(client, run, after=event_id)["error"]["code"] == "event_not_found"
