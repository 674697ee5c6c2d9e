"""How much of a request is read before it is refused, and what is left of it (S8, S9)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.unit import peaks

_CHUNK = bytes(64 * 1024)
_UPLOADS = ["/datasets", "/images"]
_SPECS = ["/jobs", "/jobs/validate", "/jobs/estimate", "/jobs/preview"]
SPEC = {"base_model": "starter", "train_dataset": "file-1"}

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Endless:
    """A body in chunks, without a length, that counts what is taken of it."""

    def __init__(self, num_chunks: int) -> None:
        self._num_chunks = num_chunks
        self.num_bytes = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._num_chunks):
            self.num_bytes += len(_CHUNK)
            yield _CHUNK


Send = Callable[[str, Endless], httpx2.Response]


@pytest.fixture
def send(app: FastAPI, client: TestClient) -> Send:
    """Sends an endless body; the app is called as a server calls it, chunk by chunk."""
    headers = dict(client.headers)

    def sent(path: str, body: Endless) -> httpx2.Response:
        async def ask() -> httpx2.Response:
            transport = httpx2.ASGITransport(app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as one:
                how = {"Content-Type": "application/json" if path in _SPECS else "application/octet-stream"}
                return await one.post(path, content=aiter(body), headers=how)

        return asyncio.run(ask())

    return sent


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".db")


@pytest.mark.parametrize("path", _UPLOADS)
def test_a_file_without_end_is_refused_at_the_limit_and_leaves_nothing(
    send: Send, storage_root: str, path: str
) -> None:
    before, body = set(_files(Path(storage_root))), Endless(320_000)  # 20 GB

    answer = send(path, body)

    assert (answer.status_code, answer.json()["code"]) == (413, "dataset_too_large")
    assert body.num_bytes <= 1_000_000 + 1_000_000
    assert set(_files(Path(storage_root))) == before
    assert list((Path(storage_root) / "uploads").iterdir()) == []


@pytest.mark.parametrize("path", _SPECS)
def test_a_spec_without_end_is_refused_after_a_megabyte(send: Send, path: str) -> None:
    body = Endless(320_000)

    answer = send(path, body)

    assert answer.status_code == 413
    assert body.num_bytes <= 2_000_000


def _form(num_fields: int) -> bytes:
    field = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    return field * num_fields + b"--x--\r\n"


@pytest.mark.parametrize("path", [*_UPLOADS, *_SPECS])
def test_a_form_of_a_million_fields_is_refused_unread(client: TestClient, path: str) -> None:
    body, before = _form(1_000_000), peaks.forget()

    answer = client.post(path, content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})

    assert answer.status_code == (415 if path in _UPLOADS else 413)
    assert peaks.peak_bytes() - before < 20 * 1024**2
    assert len(answer.content) < 1000


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain"])
def test_a_spec_must_be_json(client: TestClient, kind: str) -> None:
    answer = client.post("/jobs", content=_form(3), headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_request_full_of_faults_is_not_sent_back(client: TestClient) -> None:
    answer = client.post("/jobs", json=SPEC | {f"{number}{'x' * 200}": 1 for number in range(4000)})

    assert answer.status_code == 422
    assert len(answer.content) < 20_000
    assert answer.json()["detail"].endswith("and 3980 more")
