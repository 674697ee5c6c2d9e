"""/datasets: the file goes in, checked by the trainer's own reader in a process of its own."""

import base64
import hashlib
import io
import json

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from store.files import Storage
from tests.unit.kinds import EVERY_KIND


def image_url(content: bytes | None = None) -> dict[str, object]:
    if content is None:
        file = io.BytesIO()
        Image.new("RGB", (4, 4)).save(file, "PNG")
        content = file.getvalue()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(content).decode()}"}}


def row(*parts: dict[str, object]) -> str:
    asked = {"role": "user", "content": [*parts, {"type": "text", "text": "Which?"}]}
    return json.dumps({"messages": [asked, {"role": "assistant", "content": "7"}]})


def test_a_good_file_becomes_a_dataset(client: TestClient) -> None:
    content = f"{row(image_url())}\n{row()}\n".encode()

    dataset = client.post("/datasets", content=content, params={"filename": "train.jsonl"}).json()

    assert {key: dataset[key] for key in ("filename", "num_bytes", "num_rows", "num_images", "sha256")} == {
        "filename": "train.jsonl",
        "num_bytes": len(content),
        "num_rows": 2,
        "num_images": 1,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def test_a_dataset_is_found_where_location_says(client: TestClient) -> None:
    created = client.post("/datasets", content=row())

    assert (created.status_code, client.get(created.headers["Location"]).json()) == (201, created.json())


@EVERY_KIND
def test_the_file_is_kept_as_it_came(client: TestClient, storage: Storage) -> None:
    dataset = client.post("/datasets", content=row()).json()

    assert storage.fetch(storage.dataset_path(dataset["id"])).read_text() == row()


@EVERY_KIND
def test_nothing_of_an_upload_is_left_on_the_host(client: TestClient, app: FastAPI) -> None:
    client.post("/datasets", content=row())

    assert not [*(app.state.parts.storage.root / "uploads").iterdir()]


def test_a_broken_image_is_named_by_line_message_and_image(client: TestClient) -> None:
    content = f"{row()}\n{row(image_url(), image_url(b'no image'))}\n"

    problem = client.post("/datasets", content=content).json()

    [fault] = problem["errors"]
    assert (problem["status"], problem["code"]) == (422, "invalid_dataset")
    assert (fault["line"], fault["message_index"], fault["image_index"]) == (2, 0, 1)


@pytest.mark.parametrize(
    ("content", "code"),
    [("", "empty_dataset"), ("not json", "not_json"), (b"\xff\xfe", "not_utf8"), ("{}", "invalid_row")],
)
def test_what_is_no_dataset_is_refused(client: TestClient, content: str | bytes, code: str) -> None:
    problem = client.post("/datasets", content=content).json()

    assert (problem["status"], problem["errors"][0]["code"]) == (422, code)


def test_a_refused_file_leaves_nothing_behind(client: TestClient, storage: Storage) -> None:
    client.post("/datasets", content="not json")

    assert not [*(storage.root / "uploads").iterdir(), *(storage.root / "datasets").iterdir()]


def test_a_file_that_is_too_large_is_refused(client: TestClient, storage: Storage) -> None:
    problem = client.post("/datasets", content=b" " * 1_000_001).json()

    assert (problem["status"], problem["code"]) == (413, "dataset_too_large")
    assert not [*(storage.root / "uploads").iterdir()]


def test_an_unknown_dataset_is_404(client: TestClient) -> None:
    problem = client.get("/datasets/file-none").json()

    assert (problem["status"], problem["code"]) == (404, "dataset_not_found")


def test_a_name_that_is_too_long_is_refused(client: TestClient) -> None:
    assert client.post("/datasets", content=row(), params={"filename": "x" * 256}).json()["code"] == "invalid_request"


@EVERY_KIND
def test_another_form_is_kept_as_openais_rows(client: TestClient) -> None:
    rows = json.dumps([{"id": 1, "instruction": "two?", "output": "2"}])

    dataset = client.post("/datasets", content=rows, params={"filename": "rows.json"}).json()

    assert (dataset["form"], dataset["unused_keys"]) == ("JSON", ["id"])
    assert client.get(f"/datasets/{dataset['id']}/rows").json() == {
        "messages": [{"role": "user", "content": "two?"}, {"role": "assistant", "content": "2"}]
    }


def test_rows_of_an_unknown_dataset_are_404(client: TestClient) -> None:
    assert client.get("/datasets/file-none/rows").status_code == 404
