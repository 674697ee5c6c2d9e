"""Datasets to look at: listed, their rows from any place, their images one by one, and gone when nobody needs them."""

import base64
import io
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from store.database import Database
from store.files import Storage
from tests.unit.kinds import EVERY_KIND
from tests.unit.queued import submit_queued
from trainer_core.contract.spec import JobSpec

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def picture(shade: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (shade, shade, shade)).save(file, kind)
    return file.getvalue()


def row(question: str, *pictures: bytes, kind: str = "png") -> str:
    urls = [f"data:image/{kind};base64,{base64.b64encode(one).decode()}" for one in pictures]
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    asked = {"role": "user", "content": [*parts, {"type": "text", "text": question}]}
    return json.dumps({"messages": [asked, {"role": "assistant", "content": "7"}]}) + "\n"


def uploaded(client: TestClient, *lines: str) -> str:
    return str(client.post("/datasets", content="".join(lines)).raise_for_status().json()["id"])


def questions(page: dict[str, Any]) -> list[str]:
    return [one["row"]["messages"][0]["content"][-1]["text"] for one in page["data"]]


@EVERY_KIND
def test_rows_are_told_page_by_page(client: TestClient) -> None:
    dataset = uploaded(client, row("one"), row("two"), row("three"))

    first = client.get(f"/datasets/{dataset}/preview", params={"limit": 2}).json()
    rest = client.get(f"/datasets/{dataset}/preview", params={"place": first["next_place"]}).json()

    assert (questions(first), first["has_more"]) == (["one", "two"], True)
    assert (questions(rest), rest["has_more"]) == (["three"], False)
    assert rest["next_place"] == rest["num_bytes"]


@on_sqlite
def test_any_place_leads_to_the_next_row(client: TestClient) -> None:
    dataset = uploaded(client, row("one"), row("two"))
    second = len(row("one"))
    place = f"/datasets/{dataset}/preview"

    found = {at: questions(client.get(place, params={"place": at}).json()) for at in (0, 1, second, second + 1, 2**62)}

    assert found == {0: ["one", "two"], 1: ["two"], second: ["two"], second + 1: [], 2**62: []}


@on_sqlite
def test_what_is_read_for_a_row_does_not_hang_on_where_it_is(client: TestClient, storage: Storage) -> None:
    dataset = uploaded(client, row("one"))
    with storage.dataset_path(dataset).open("r+b") as file:
        file.truncate(1 << 40)  # a hole: whoever read through it would not come back
        file.seek(0, 2)
        file.write(b"\n" + row("last").encode())

    found = client.get(f"/datasets/{dataset}/preview", params={"place": (1 << 40) + 1}).json()

    assert questions(found) == ["last"]


@EVERY_KIND
def test_images_have_addresses_of_their_own(client: TestClient) -> None:
    pictures = [picture(1), picture(2)]
    dataset = uploaded(client, row("none"), row("two", *pictures))

    [_, shown] = client.get(f"/datasets/{dataset}/preview").json()["data"]

    urls = [part["image_url"]["url"] for part in shown["row"]["messages"][0]["content"][:2]]
    assert [client.get(url).content for url in urls] == pictures


@on_sqlite
@pytest.mark.parametrize(("kind", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")])
def test_an_image_is_told_as_what_it_is(client: TestClient, kind: str, media_type: str) -> None:
    dataset = uploaded(client, row("one", picture(1, kind), kind="png"))

    answer = client.get(f"/datasets/{dataset}/rows/0/images/0")

    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Content-Disposition"] == "inline"
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"


@on_sqlite
@pytest.mark.parametrize("place", ["1/images/0", "0/images/1", "1000000/images/0"])
def test_where_no_image_is_there_is_none(client: TestClient, place: str) -> None:
    dataset = uploaded(client, row("one", picture(1)))

    assert client.get(f"/datasets/{dataset}/rows/{place}").status_code == 404


@on_sqlite
def test_datasets_are_listed_newest_first(client: TestClient) -> None:
    ids = [uploaded(client, row(str(number))) for number in range(3)]

    first = client.get("/datasets", params={"limit": 2}).json()
    rest = client.get("/datasets", params={"after": first["last_id"]}).json()

    assert ([one["id"] for one in first["data"]], first["has_more"]) == ([ids[2], ids[1]], True)
    assert [one["id"] for one in rest["data"]] == [ids[0]]


@on_sqlite
def test_a_deleted_dataset_is_gone(client: TestClient) -> None:
    dataset = uploaded(client, row("one"))

    assert client.delete(f"/datasets/{dataset}").status_code == 204
    assert client.get("/datasets").json()["data"] == []
    assert client.get(f"/datasets/{dataset}/preview").json()["code"] == "dataset_not_found"
    assert client.delete(f"/datasets/{dataset}").json()["code"] == "dataset_not_found"


@on_sqlite
def test_a_dataset_that_a_job_needs_stays(client: TestClient, database: Database, spec: JobSpec) -> None:
    dataset = uploaded(client, row("one"))
    with database.writing() as session:
        job = submit_queued(session, spec.model_copy(update={"train_dataset": dataset}))

    answer = client.delete(f"/datasets/{dataset}")

    assert (answer.status_code, answer.json()["code"]) == (409, "file_in_use")
    assert job.id in answer.json()["detail"]


@on_sqlite
def test_images_are_listed_and_deleted(client: TestClient) -> None:
    images = client.post("/images", content=picture(1), params={"filename": "a.png"}).json()["id"]

    listed = client.get("/images").json()["data"]
    deleted = client.delete(f"/images/{images}")

    assert [one["id"] for one in listed] == [images]
    assert deleted.status_code == 204
    assert client.get("/images").json()["data"] == []
    assert client.delete(f"/images/{images}").json()["code"] == "images_not_found"
