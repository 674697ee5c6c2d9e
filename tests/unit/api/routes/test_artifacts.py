"""/jobs/{id}/artifacts and /archive."""

import hashlib
import io
import tarfile

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from store.database import Database
from store.files import Storage
from store.leases import Lease
from store.tables import Job
from tests.unit.kinds import EVERY_KIND
from tests.unit.leaving import leave_artifact
from trainer_core.contract.spec import JobSpec

pytestmark = EVERY_KIND
WEIGHTS = bytes(range(256)) * 10


@pytest.fixture
def url(database: Database, storage: Storage, lease: Lease) -> str:
    """A succeeded job that left two files."""
    leave_artifact(database, storage, lease, {"model.safetensors": WEIGHTS, "sub/note.txt": b"hello"})
    return f"/jobs/{lease.job_id}"


def test_the_manifest_names_every_file_with_its_checksum(client: TestClient, url: str) -> None:
    files = {file["path"]: file["sha256"] for file in client.get(f"{url}/artifacts").json()["files"]}

    assert files == {
        "model.safetensors": hashlib.sha256(WEIGHTS).hexdigest(),
        "sub/note.txt": hashlib.sha256(b"hello").hexdigest(),
    }


def test_a_job_tells_what_there_is_to_download(client: TestClient, url: str) -> None:
    artifact = client.get(url).json()["artifact"]

    assert (artifact["num_files"], artifact["num_bytes"]) == (2, len(WEIGHTS) + 5)


def test_a_file_comes_whole(client: TestClient, url: str) -> None:
    assert client.get(f"{url}/artifacts/model.safetensors").content == WEIGHTS


def test_a_file_in_a_folder_has_its_path(client: TestClient, url: str) -> None:
    assert client.get(f"{url}/artifacts/sub/note.txt").text == "hello"


def test_a_range_is_a_part(client: TestClient, url: str) -> None:
    part = client.get(f"{url}/artifacts/model.safetensors", headers={"Range": "bytes=100-199"})

    assert (part.status_code, part.content) == (206, WEIGHTS[100:200])


def test_the_etag_is_the_checksum(client: TestClient, url: str) -> None:
    etag = client.get(f"{url}/artifacts/model.safetensors").headers["ETag"]

    assert etag == f'"{hashlib.sha256(WEIGHTS).hexdigest()}"'


def test_a_range_of_another_version_is_the_whole_file(client: TestClient, url: str) -> None:
    headers = {"Range": "bytes=100-199", "If-Range": '"another"'}

    assert client.get(f"{url}/artifacts/model.safetensors", headers=headers).status_code == 200


def test_a_range_of_the_same_version_is_a_part(client: TestClient, url: str) -> None:
    headers = {"Range": "bytes=100-199", "If-Range": f'"{hashlib.sha256(WEIGHTS).hexdigest()}"'}

    assert client.get(f"{url}/artifacts/model.safetensors", headers=headers).status_code == 206


def test_head_tells_the_size(client: TestClient, url: str) -> None:
    head = client.head(f"{url}/artifacts/model.safetensors")

    assert (head.headers["Content-Length"], head.content) == (str(len(WEIGHTS)), b"")


@pytest.mark.parametrize("path", ["none.txt", "../spec.json", "%2e%2e/spec.json", "/etc/passwd", "manifest.json"])
def test_only_what_the_manifest_names_is_served(client: TestClient, url: str, path: str) -> None:
    assert client.get(f"{url}/artifacts/{path}").status_code == 404


def test_the_archive_holds_everything_unchanged(client: TestClient, url: str) -> None:
    job_id = url.rsplit("/", 1)[1]

    with tarfile.open(fileobj=io.BytesIO(client.get(f"{url}/archive").content)) as archive:
        found = {member.name: archive.extractfile(member) for member in archive}
        contents = {name: file.read() for name, file in found.items() if file}

    assert contents.pop(f"{job_id}/manifest.json")
    assert contents == {f"{job_id}/model.safetensors": WEIGHTS, f"{job_id}/sub/note.txt": b"hello"}


def test_the_archive_is_named_after_the_job(client: TestClient, url: str) -> None:
    job_id = url.rsplit("/", 1)[1]

    assert client.get(f"{url}/archive").headers["Content-Disposition"] == f'attachment; filename="{job_id}.tar"'


def test_a_suffix_begins_the_name_of_the_archive(
    client: TestClient, url: str, database: Database, spec: JobSpec
) -> None:
    job_id = url.rsplit("/", 1)[1]
    with database.writing() as session:
        session.execute(update(Job).values(spec=spec.model_copy(update={"suffix": "digits"})))

    disposition = client.get(f"{url}/archive").headers["Content-Disposition"]

    assert disposition == f'attachment; filename="digits-{job_id}.tar"'


@pytest.mark.parametrize("path", ["artifacts", "artifacts/model.safetensors", "archive"])
def test_an_unfinished_job_has_nothing_to_download_yet(client: TestClient, lease: Lease, path: str) -> None:
    problem = client.get(f"/jobs/{lease.job_id}/{path}").json()

    assert (problem["status"], problem["code"]) == (409, "job_not_finished")


def test_a_cancelled_job_left_nothing(client: TestClient, job_id: str) -> None:
    client.post(f"/jobs/{job_id}/cancel")

    problem = client.get(f"/jobs/{job_id}/artifacts").json()

    assert (problem["status"], problem["code"]) == (404, "no_artifact")
