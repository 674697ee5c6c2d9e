"""/images, and rows that name what was uploaded there."""

import io
import json
import zipfile
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from store.files import Storage
from tests.unit.kinds import EVERY_KIND


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    return file.getvalue()


def zip_of(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.png", content)
    return file.getvalue()


def row(image: str) -> str:
    return json.dumps({"instruction": "What?", "output": "black", "image": image})


def upload(client: TestClient, content: bytes) -> str:
    return str(client.post("/images", content=content).json()["id"])


def test_images_are_found_where_location_says(client: TestClient) -> None:
    created = client.post("/images", content=zip_of(a=png(), b=png()), params={"filename": "images.zip"})

    assert (created.status_code, created.json()["num_images"], created.json()["filename"]) == (201, 2, "images.zip")
    assert client.get(created.headers["Location"]).json() == created.json()


@EVERY_KIND
def test_a_row_names_an_uploaded_image(client: TestClient) -> None:
    image_id = upload(client, png())

    assert client.post("/datasets", content=row(image_id)).json()["num_images"] == 1


@EVERY_KIND
def test_a_row_names_an_image_of_an_uploaded_zip(client: TestClient) -> None:
    images_id = upload(client, zip_of(a=png()))

    assert client.post("/datasets", content=row(f"{images_id}/a.png")).json()["num_images"] == 1


@EVERY_KIND
def test_rows_come_beside_their_images(client: TestClient, storage: Storage) -> None:
    images_id = upload(client, zip_of(a=png()))

    dataset = client.post("/datasets", content=row("a.png"), params={"images": images_id}).json()

    assert "data:image/png;base64," in storage.fetch(storage.dataset_path(dataset["id"])).read_text()


@pytest.mark.parametrize("content", [b"", b"no image", png()[:40], zip_of()])
def test_what_is_no_image_is_refused(client: TestClient, storage: Storage, content: bytes) -> None:
    problem = client.post("/images", content=content).json()

    assert (problem["code"], problem["errors"][0]["code"]) == ("invalid_dataset", "invalid_image")
    assert not [*(storage.root / "uploads").iterdir(), *storage.images_dir("proj_default").glob("*")]


@EVERY_KIND
def test_a_row_that_names_an_image_nobody_uploaded_is_told(client: TestClient) -> None:
    [fault] = client.post("/datasets", content=row(f"file-{26 * '0'}")).json()["errors"]

    assert "no image was uploaded as" in fault["detail"]


def test_unknown_images_are_told(client: TestClient) -> None:
    answers = [client.get("/images/file-none"), client.post("/datasets", content=row("a"), params={"images": "none"})]

    assert [answer.json()["code"] for answer in answers] == ["images_not_found", "images_not_found"]


@pytest.mark.parametrize(("allowed", "told"), [(False, "is not read here"), (True, "is not a public address")])
def test_an_address_is_asked_only_where_the_operator_allows_it(
    app: FastAPI, client: TestClient, *, allowed: bool, told: str
) -> None:
    settings = app.state.parts.settings.model_copy(update={"fetch_images": allowed})
    app.state.parts = replace(app.state.parts, settings=settings)

    [fault] = client.post("/datasets", content=row("https://localhost/a.png")).json()["errors"]

    assert (fault["code"], fault["image_index"]) == ("invalid_image", 0)
    assert told in fault["detail"]
