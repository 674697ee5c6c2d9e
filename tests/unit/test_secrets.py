"""Secrets in the environment of API and worker are in nothing that they say, keep, answer or hand on (S16)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import MetaData, create_engine, select

from store import jobs
from store.database import Database
from store.files import Storage
from store.lifecycle import JobStatus
from tests.patience import until
from tests.unit.api.serving import Server
from tests.unit.queued import submit_queued
from tests.unit.worker.processes import broker, worker
from trainer_core.contract.spec import JobSpec

CANARY = "canary-4f1d0c7e"
SECRETS = ("AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "PGPASSWORD", "TUNEYARD_API_KEY", "MY_PASSWORD")
ROW = b'{"messages": [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": "7"}]}\n'
IMAGE = ROW.replace(b'"Which?"', b'[{"type": "image_url", "image_url": {"url": "a.png"}}]')


@dataclass(frozen=True)
class Site:
    """An API and a worker that have a secret wherever one may be."""

    api: Server
    client: httpx2.Client
    logs: Path


@contextmanager
def at_work(url: str, storage: Storage, api_key: str, tmp_path: Path) -> Iterator[Site]:
    """A site whose processes end with the block."""
    logs = tmp_path / "logs"
    logs.mkdir()
    with broker(tmp_path / "broker", CANARY) as found:
        environment = {
            "TUNEYARD_DATABASE_URL": url,
            "TUNEYARD_BROKER_URL": found.url,
            "TUNEYARD_STORAGE_ROOT": str(storage.root),
        }
        headers = {"Authorization": f"Bearer {api_key}"}
        with (
            Server(url, tmp_path, found.url) as api,
            worker(environment, "confess", logs / "worker.log"),
            httpx2.Client(base_url=api.url, headers=headers, trust_env=False, timeout=300) as client,
        ):
            yield Site(api, client, logs)


def with_password(database_url: str) -> str:
    """The same database; this server asks nobody for the password."""
    return database_url.replace("postgres:@", f"postgres:{CANARY}@")


def answers(client: httpx2.Client, job_id: str) -> str:
    """What the API says, to good requests and bad ones."""
    spec = {"base_model": "starter", "train_dataset": "file-nowhere"}
    asked = [
        client.post("/datasets", content=ROW),
        client.post("/datasets", content=IMAGE),
        client.post("/datasets", content=b"PAR1 no parquet"),
        client.post("/images", content=b"no image"),
        client.post("/jobs", json=spec),
        client.post("/jobs", json={"base_model": ["x"], "seed": "x"}),
        client.post("/jobs", content=b"{"),
        *(client.get(f"/jobs/{job_id}{more}") for more in ("", "/events", "/logs", "/metrics", "/report")),
        *(client.get(path) for path in ("/readyz", "/workers", "/models", "/nowhere", "/openapi.json")),
    ]
    return "".join(f"{answer.headers}{answer.text}" for answer in asked)


def kept(database_url: str) -> str:
    """Everything in the database."""
    engine = create_engine(database_url)
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        # Of a row itself SQLAlchemy would print the beginning and the end.
        rows = [str(tuple(row)) for table in tables.sorted_tables for row in connection.execute(select(table))]
    engine.dispose()
    return "\n".join(rows)


def files(*folders: Path) -> bytes:
    """The contents of all files in folders."""
    return b"".join(path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_secret_of_the_environment_is_nowhere_else(
    database: Database,
    database_url: str,
    spec: JobSpec,
    storage: Storage,
    api_key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, CANARY)
    with database.writing() as session:
        job_id = submit_queued(session, spec).id

    def status() -> JobStatus:
        with database.reading() as session:
            return jobs.get(session, job_id).status

    with at_work(with_password(database_url), storage, api_key, tmp_path) as site:
        until(lambda: status() == JobStatus.SUCCEEDED, 300)
        told = answers(site.client, job_id)

    # Nobody is there any more who would delete a file that is looked into.
    assert with_password(database_url) != database_url
    assert "PATH" in kept(database_url)  # the trainer's confession is there
    assert CANARY not in kept(database_url)
    assert CANARY not in told
    assert CANARY not in site.api.log
    assert CANARY.encode() not in files(site.logs, storage.root, tmp_path / "storage")
