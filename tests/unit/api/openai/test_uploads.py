"""/v1/uploads: parts in any order become one file, which is checked as any other."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import insert, update

from api.openai import uploads
from store import projects
from store.clock import from_now
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.file_tables import Upload, UploadPart
from store.uploads import most_parts
from tests.unit.api.openai.rows import rows
from tests.unit.kinds import EVERY_KIND

CONTENT = rows(10)
HALVES = CONTENT[:100], CONTENT[100:]


def create(client: TestClient, num_bytes: int = len(CONTENT)) -> str:
    asked = {"bytes": num_bytes, "filename": "a.jsonl", "mime_type": "application/jsonl", "purpose": "fine-tune"}
    return str(client.post("/v1/uploads", json=asked).json()["id"])


def send(client: TestClient, upload_id: str, content: bytes) -> Response:
    return client.post(f"/v1/uploads/{upload_id}/parts", files={"data": ("part", content)})


def complete(client: TestClient, upload_id: str, *part_ids: str, **more: Any) -> Response:
    return client.post(f"/v1/uploads/{upload_id}/complete", json={"part_ids": part_ids, **more})


@EVERY_KIND
def test_parts_become_a_file_in_the_order_in_which_they_are_named(client: TestClient, app: FastAPI) -> None:
    upload_id = create(client)
    second, first = [send(client, upload_id, half).json()["id"] for half in reversed(HALVES)]

    upload = complete(client, upload_id, first, second, md5=hashlib.md5(CONTENT).hexdigest()).json()  # noqa: S324

    assert (upload["status"], upload["file"]["status"]) == ("completed", "processed")
    assert client.get(f"/v1/files/{upload['file']['id']}/content").content == CONTENT
    storage = app.state.parts.storage
    assert not [*(storage.root / "uploads").iterdir(), *storage.files(storage.root / "files")]


def test_rows_with_faults_make_a_file_that_says_so(client: TestClient) -> None:
    upload_id = create(client, 2)
    part_id = send(client, upload_id, b"{}").json()["id"]

    assert complete(client, upload_id, part_id).json()["file"]["status"] == "error"


@pytest.mark.parametrize("more", [{"md5": "0" * 32}, {"part_ids": ["part_none"]}, {"part_ids": []}])
def test_what_is_not_what_was_announced_is_refused(client: TestClient, more: dict[str, Any]) -> None:
    upload_id = create(client)
    part_id = send(client, upload_id, CONTENT).json()["id"]

    refused = client.post(f"/v1/uploads/{upload_id}/complete", json={"part_ids": [part_id], **more})

    assert refused.status_code == 400
    assert complete(client, upload_id, part_id).status_code == 200


def test_too_few_bytes_are_refused(client: TestClient) -> None:
    upload_id = create(client)
    part_id = send(client, upload_id, HALVES[0]).json()["id"]

    assert complete(client, upload_id, part_id).json()["error"]["code"] == "wrong_bytes"


def test_a_part_that_is_named_twice_is_refused(client: TestClient) -> None:
    upload_id = create(client, 4)
    part_id = send(client, upload_id, b"ab").json()["id"]

    assert complete(client, upload_id, part_id, part_id).json()["error"]["code"] == "part_not_found"


def test_a_cancelled_upload_takes_nothing_and_keeps_nothing(client: TestClient, app: FastAPI) -> None:
    upload_id = create(client)
    send(client, upload_id, HALVES[0])

    cancelled = client.post(f"/v1/uploads/{upload_id}/cancel").json()

    assert (cancelled["status"], send(client, upload_id, HALVES[1]).status_code) == ("cancelled", 400)
    storage = app.state.parts.storage
    assert not storage.files(storage.root / "files")


def test_completing_twice_makes_one_file(client: TestClient) -> None:
    upload_id = create(client)
    part_id = send(client, upload_id, CONTENT).json()["id"]

    first, second = [complete(client, upload_id, part_id) for _ in range(2)]

    assert (first.status_code, second.json()) == (200, first.json())
    assert len(client.get("/v1/files").json()["data"]) == 1


@EVERY_KIND
@pytest.mark.parametrize("step", ["_written", "_complete"])
def test_of_two_that_complete_at_once_one_makes_the_file(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    upload_id = create(client)
    part_id = send(client, upload_id, CONTENT).json()["id"]
    taken = getattr(uploads, step)
    answers = []

    def overtaken(*arguments: object) -> Any:
        monkeypatch.setattr(uploads, step, taken)
        answers.append(complete(client, upload_id, part_id))
        return taken(*arguments)

    monkeypatch.setattr(uploads, step, overtaken)

    loser = complete(client, upload_id, part_id)

    assert (loser.status_code, loser.json()) == (200, answers[0].json())
    storage = app.state.parts.storage
    assert [one["id"] for one in client.get("/v1/files").json()["data"]] == [loser.json()["file"]["id"]]
    assert len([*storage.files(storage.root / "datasets")]) == 1


def test_a_completed_upload_whose_file_was_deleted_is_told_as_ended(client: TestClient) -> None:
    upload_id = create(client)
    part_id = send(client, upload_id, CONTENT).json()["id"]
    file_id = complete(client, upload_id, part_id).json()["file"]["id"]
    client.delete(f"/v1/files/{file_id}")

    assert complete(client, upload_id, part_id).json()["error"]["code"] == "upload_not_pending"


def test_cancelling_twice_changes_nothing(client: TestClient) -> None:
    upload_id = create(client)

    first, second = [client.post(f"/v1/uploads/{upload_id}/cancel") for _ in range(2)]

    assert (second.status_code, second.json()) == (200, first.json())


def test_a_completed_upload_is_not_cancelled(client: TestClient) -> None:
    upload_id = create(client)
    complete(client, upload_id, send(client, upload_id, CONTENT).json()["id"])

    assert client.post(f"/v1/uploads/{upload_id}/cancel").json()["error"]["code"] == "upload_not_pending"


def test_parts_have_at_most_twice_the_bytes_that_were_announced(client: TestClient, app: FastAPI) -> None:
    upload_id = create(client, 4)
    taken = [send(client, upload_id, b"abcd").status_code for _ in range(2)]

    refused = send(client, upload_id, b"a")

    assert (taken, refused.status_code) == ([200, 200], 400)
    assert refused.json()["error"]["code"] == "too_many_bytes"
    storage = app.state.parts.storage
    assert len(storage.files(storage.root / "files")) == 2


def test_an_upload_has_at_most_so_many_parts(client: TestClient, app: FastAPI, database: Database) -> None:
    upload_id = create(client)
    sent = {"upload_id": upload_id, "num_bytes": 0, "created_at": datetime.now(UTC)}
    with database.writing() as session:
        session.execute(insert(UploadPart), [{"id": f"part_{number}", **sent} for number in range(1000 - 1)])
    last = send(client, upload_id, b"a")

    refused = send(client, upload_id, b"a")

    assert (last.status_code, refused.status_code) == (200, 400)
    assert refused.json()["error"]["code"] == "too_many_parts"
    storage = app.state.parts.storage
    assert len(storage.files(storage.root / "files")) == 1


def test_a_large_file_may_come_twice_in_parts_of_a_mebibyte() -> None:
    assert most_parts(8 * 1024**3) >= 2 * 8 * 1024


def test_a_part_that_the_project_has_no_room_for_is_refused(client: TestClient, database: Database) -> None:
    upload_id = create(client, 4)
    with database.writing() as session:
        projects.change(session, DEFAULT_PROJECT, max_storage_bytes=3)

    assert send(client, upload_id, b"abcd").status_code == 413
    assert send(client, upload_id, b"abc").status_code == 200
    assert send(client, upload_id, b"d").json()["error"]["code"] == "insufficient_quota"


def test_an_upload_that_was_waited_for_too_long_takes_nothing(client: TestClient, database: Database) -> None:
    upload_id = create(client)
    with database.writing() as session:
        session.execute(update(Upload).values(expires_at=from_now(-1)))

    refused = send(client, upload_id, CONTENT)

    assert (refused.status_code, "expired" in refused.json()["error"]["message"]) == (400, True)


def test_a_file_that_is_too_large_is_refused_before_it_comes(client: TestClient) -> None:
    asked = {"bytes": 1_000_001, "filename": "a", "mime_type": "text/plain", "purpose": "batch"}

    assert client.post("/v1/uploads", json=asked).status_code == 413


def test_an_upload_of_another_project_is_not_there(client: TestClient, database: Database) -> None:
    upload_id = create(client)
    with database.writing() as session:
        other = projects.add(session, "other").id

    refused = client.post(f"/v1/uploads/{upload_id}/cancel", headers={"tuneyard-project": other})

    assert refused.status_code == 404
