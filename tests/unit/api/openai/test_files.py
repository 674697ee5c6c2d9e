"""/v1/files: a form goes in as a stream, and what came can be listed, read and deleted."""

import io
import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from store import projects
from store.database import Database
from store.files import Storage
from tests.tooled import whole
from tests.unit.api.openai.rows import rows
from tests.unit.bearing import bearer
from tests.unit.kinds import EVERY_KIND

GOOD = rows(10)
BAD = b'{"messages": []}\n'


def upload(client: TestClient, content: bytes = GOOD, purpose: str = "fine-tune", **more: str) -> dict[str, Any]:
    headers = {"x-stainless-retry-count": more.pop("retry", "0")}
    form = {"purpose": purpose, **more}
    answer = client.post("/v1/files", data=form, files={"file": ("train.jsonl", content)}, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    return file.getvalue()


def test_a_good_file_is_processed(client: TestClient) -> None:
    file = upload(client)

    told = {name: file[name] for name in ("object", "bytes", "filename", "purpose", "status")}
    assert told == {
        "object": "file",
        "bytes": len(GOOD),
        "filename": "train.jsonl",
        "purpose": "fine-tune",
        "status": "processed",
    }


def test_a_good_file_is_a_dataset(client: TestClient) -> None:
    file = upload(client)

    assert client.get(f"/datasets/{file['id']}").json()["num_rows"] == 10


@EVERY_KIND
def test_the_bytes_come_back_as_they_came_though_rows_were_converted(client: TestClient, storage: Storage) -> None:
    content = b'{"instruction": "Say 7", "output": "7"}\n'

    file = upload(client, content)

    assert client.get(f"/v1/files/{file['id']}/content").content == content
    assert b"messages" in storage.fetch(storage.dataset_path(file["id"])).read_bytes()


@EVERY_KIND
def test_a_range_of_the_bytes_can_be_read(client: TestClient) -> None:
    file = upload(client)

    part = client.get(f"/v1/files/{file['id']}/content", headers={"Range": "bytes=2-9"})

    assert (part.status_code, part.content) == (206, GOOD[2:10])


def test_a_file_with_faults_is_kept_and_says_what_is_wrong(client: TestClient) -> None:
    file = upload(client, GOOD + BAD)

    assert (file["status"], file["faults"][0]["line"]) == ("error", 11)
    assert "line 11" in file["status_details"]
    assert client.get(f"/v1/files/{file['id']}/content").content == GOOD + BAD


def test_an_image_can_be_named_by_rows(client: TestClient) -> None:
    image = upload(client, png(), "vision")
    asked = [{"type": "image_url", "image_url": {"url": image["id"]}}, {"type": "text", "text": "?"}]
    row = {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": "7"}]}

    file = upload(client, f"{json.dumps(row)}\n".encode())

    assert client.get(f"/datasets/{file['id']}").json()["num_images"] == 1


def test_a_row_keeps_its_tools_when_its_image_is_put_into_it(client: TestClient) -> None:
    row = whole()
    row["messages"][0]["content"] = [{"type": "image_url", "image_url": {"url": upload(client, png(), "vision")["id"]}}]

    file = upload(client, f"{json.dumps(row)}\n".encode())

    kept = json.loads(client.get(f"/datasets/{file['id']}/rows").text)
    assert (file["status"], kept["tools"]) == ("processed", row["tools"])
    assert kept["messages"][1]["tool_calls"] == row["messages"][1]["tool_calls"]


def test_deprecated_functions_are_refused_with_what_to_write(client: TestClient) -> None:
    row = {"messages": whole()["messages"][-1:], "functions": []}

    file = upload(client, f"{json.dumps(row)}\n".encode())

    assert file["status"] == "error"
    assert "functions: is deprecated by OpenAI and not read; write tools" in file["status_details"]


def test_what_is_no_image_has_faults(client: TestClient) -> None:
    assert upload(client, b"no image", "vision")["status"] == "error"


@pytest.mark.parametrize("purpose", ["assistants", "batch", "evals", "user_data"])
def test_a_file_for_anything_else_is_kept_as_it_is(client: TestClient, purpose: str) -> None:
    file = upload(client, b"\x00\xff", purpose)

    assert (file["status"], client.get(f"/v1/files/{file['id']}/content").content) == ("processed", b"\x00\xff")


def test_files_of_every_way_are_in_one_list_newest_first(client: TestClient) -> None:
    dataset = client.post("/datasets", content=GOOD).json()["id"]
    images = client.post("/images", content=png()).json()["id"]
    file = upload(client)["id"]

    listed = client.get("/v1/files").json()

    assert [one["id"] for one in listed["data"]] == [file, images, dataset]


def test_pages_of_files_join(client: TestClient) -> None:
    made = [upload(client, purpose="user_data")["id"] for _ in range(3)]

    first = client.get("/v1/files", params={"limit": 2, "order": "asc"}).json()
    second = client.get("/v1/files", params={"limit": 2, "order": "asc", "after": first["last_id"]}).json()

    assert [one["id"] for page in (first, second) for one in page["data"]] == made
    assert (first["has_more"], second["has_more"]) == (True, False)


def test_files_can_be_listed_by_purpose(client: TestClient) -> None:
    upload(client, purpose="batch")
    file = upload(client, purpose="evals")

    assert [one["id"] for one in client.get("/v1/files?purpose=evals").json()["data"]] == [file["id"]]


def test_a_deleted_file_is_gone_for_everything(client: TestClient) -> None:
    file_id = upload(client)["id"]

    deleted = client.delete(f"/v1/files/{file_id}").json()

    assert deleted == {"id": file_id, "object": "file", "deleted": True}
    gone = (f"/v1/files/{file_id}", f"/v1/files/{file_id}/content", f"/datasets/{file_id}", f"/datasets/{file_id}/rows")
    assert [client.get(path).status_code for path in gone] == [404] * 4
    assert client.get("/v1/files").json()["data"] == []


def test_a_file_that_a_job_needs_is_not_deleted(client: TestClient) -> None:
    file_id = upload(client)["id"]
    job = client.post("/jobs", json={"base_model": "starter", "train_dataset": file_id}).json()

    refused = client.delete(f"/v1/files/{file_id}")

    assert (refused.status_code, refused.headers["x-should-retry"]) == (409, "false")
    assert refused.json()["error"]["code"] == "file_in_use"
    client.post(f"/jobs/{job['id']}/cancel")
    assert client.delete(f"/v1/files/{file_id}").status_code == 200


def test_a_file_says_when_it_expires(client: TestClient) -> None:
    expiry = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}

    file = upload(client, GOOD, "fine-tune", **expiry)

    assert file["expires_at"] - file["created_at"] == 3600


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "purpose"),
        ({"purpose": "fine-tune-results"}, "purpose"),
        ({"purpose": "vision", "color": "red"}, "color"),
        ({"purpose": "vision", "expires_after[seconds]": "5"}, "expires_after[seconds]"),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, fields: dict[str, str], param: str) -> None:
    refused = client.post("/v1/files", data=fields, files={"file": ("a", b"x")})

    error = refused.json()["error"]
    assert (refused.status_code, error["param"], error["code"]) == (400, param, "invalid_value")


@pytest.mark.parametrize(
    ("body", "param"),
    [({"data": {"purpose": "vision"}, "files": {"other": ("a", b"x")}}, "file"), ({"json": {}}, "body")],
    ids=["a form without the file", "no form"],
)
def test_a_body_without_a_file_is_told_in_the_same_words(client: TestClient, body: dict[str, Any], param: str) -> None:
    refused = client.post("/v1/files", **body)

    error = refused.json()["error"]
    assert (refused.status_code, error["param"], error["code"]) == (400, param, "invalid_value")


def test_a_file_that_is_too_large_is_refused(client: TestClient) -> None:
    refused = client.post("/v1/files", data={"purpose": "user_data"}, files={"file": ("a", bytes(1_000_001))})

    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "file_too_large")


def test_nothing_of_a_refused_file_is_left(client: TestClient, app: FastAPI) -> None:
    client.post("/v1/files", data={"purpose": "none"}, files={"file": ("a", b"x")})

    assert not [*(app.state.parts.storage.root / "uploads").iterdir()]


def test_a_retry_finds_the_file_of_the_first_try(client: TestClient) -> None:
    first = upload(client)

    assert upload(client, retry="1")["id"] == first["id"]


@pytest.mark.parametrize("header", ["x-stainless-retry-count", "Idempotency-Key"])
def test_what_was_deleted_is_made_again_when_its_upload_is_repeated(client: TestClient, header: str) -> None:
    def post() -> str:
        form, files = {"purpose": "user_data"}, {"file": ("a", b"x")}
        return str(client.post("/v1/files", data=form, files=files, headers={header: "1"}).json()["id"])

    first = post()
    client.delete(f"/v1/files/{first}")

    second = post()

    assert second != first
    assert client.get(f"/v1/files/{second}").status_code == 200
    assert post() == second


def test_two_first_tries_are_two_files(client: TestClient) -> None:
    assert upload(client)["id"] != upload(client)["id"]


def test_files_of_another_project_are_not_there(client: TestClient, database: Database) -> None:
    file_id = upload(client)["id"]
    with database.writing() as session:
        other = projects.add(session, "other").id

    as_other = {"tuneyard-project": other}

    assert client.get(f"/v1/files/{file_id}", headers=as_other).status_code == 404
    assert client.get(f"/v1/files/{file_id}/content", headers=as_other).status_code == 404
    assert client.delete(f"/v1/files/{file_id}", headers=as_other).status_code == 404
    assert client.get("/v1/files", headers=as_other).json()["data"] == []


def test_a_client_without_a_key_is_told_so_as_openai_does(client: TestClient) -> None:
    refused = client.get("/v1/files", headers=bearer("ty_nothing"))

    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
