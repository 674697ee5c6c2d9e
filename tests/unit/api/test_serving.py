"""Files as answers: past this process where they lie on its disk, from the bucket where they lie in one."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

from api.serving import CHUNK_BYTES, serve
from store.files import Storage
from tests.patience import PATIENCE_SECONDS
from tests.unit.api.serving import Server
from tests.unit.bearing import bearer
from trainer_core.contract.spec import JobSpec

ROWS = bytes(range(256)) * (3 * CHUNK_BYTES // 256) + b"end"
IN_A_BUCKET = pytest.mark.parametrize("storage_kind", ["s3"])


@pytest.fixture
def place(storage: Storage, tmp_path: Path) -> Path:
    """Published rows."""
    (tmp_path / "rows").write_bytes(ROWS)
    place = storage.dataset_path("file-1")
    storage.publish(tmp_path / "rows", place)
    return place


@pytest.fixture
def redirecting(storage: Storage, place: Path) -> TestClient:
    """Asks for them alone."""
    app = serve(storage, place, redirects=True, media_type="application/jsonl", filename="file-1.jsonl")
    return TestClient(app, follow_redirects=False)


@pytest.fixture
def url(database_url: str, place: Path, spec: JobSpec, tmp_path: Path) -> Iterator[str]:
    """The rows at a server of its own."""
    assert place.is_file()
    with Server(database_url, tmp_path) as server:
        yield f"{server.url}/datasets/{spec.train_dataset}/rows"


@pytest.fixture
def reader(api_key: str) -> Iterator[httpx2.Client]:
    """Asks a server that may be starting yet."""
    with httpx2.Client(headers=bearer(api_key), timeout=PATIENCE_SECONDS) as client:
        yield client


@IN_A_BUCKET
def test_what_lies_in_a_bucket_is_read_there(redirecting: TestClient) -> None:
    told = redirecting.get("/")

    found = httpx2.get(told.headers["Location"], headers={"Range": "bytes=10-19"}, timeout=PATIENCE_SECONDS)
    assert told.status_code == 307
    assert (found.status_code, found.content) == (206, ROWS[10:20])


@IN_A_BUCKET
def test_the_bucket_says_what_the_service_would_have_said(redirecting: TestClient) -> None:
    said = httpx2.get(redirecting.get("/").headers["Location"], timeout=PATIENCE_SECONDS).headers

    assert said["Content-Type"] == "application/jsonl"
    assert said["Content-Disposition"] == 'attachment; filename="file-1.jsonl"'


@IN_A_BUCKET
def test_a_redirect_is_for_one_file_and_a_while(redirecting: TestClient) -> None:
    told = redirecting.get("/")

    location = httpx2.URL(told.headers["Location"])
    assert location.path.endswith("/datasets/file-1.jsonl")
    assert location.params["X-Amz-Expires"] == "600"
    assert "X-Amz-Signature" in location.params
    assert told.headers["Cache-Control"] == "no-store"


@IN_A_BUCKET
def test_what_is_only_asked_of_a_file_in_a_bucket_is_answered_here(redirecting: TestClient) -> None:
    told = redirecting.head("/")

    assert (told.status_code, told.headers["Content-Length"]) == (200, str(len(ROWS)))


@IN_A_BUCKET
def test_without_redirects_a_bucket_is_read_for_whoever_asks(storage: Storage, place: Path) -> None:
    client = TestClient(serve(storage, place, redirects=False))

    assert client.get("/", headers={"Range": "bytes=10-19"}).content == ROWS[10:20]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_of_several_pieces_comes_whole_and_the_connection_goes_on(url: str, reader: httpx2.Client) -> None:
    first, second = reader.get(url), reader.get(url, headers={"Range": "bytes=5-"})

    assert (first.content, second.content) == (ROWS, ROWS[5:])
    assert first.headers["Content-Length"] == str(len(ROWS))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reader_that_goes_away_in_the_middle_leaves_the_service_as_it_was(url: str, reader: httpx2.Client) -> None:
    for _ in range(3):
        with reader.stream("GET", url) as response:
            next(response.iter_raw())

    assert reader.get(url).content == ROWS
