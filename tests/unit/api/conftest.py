"""The service over HTTP, with a real database and storage, and a doorbell that counts its rings."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from store import leases
from store.database import Database
from store.doorbell import Bell
from store.files import Storage
from store.leases import Lease
from tests.unit.bearing import bearer
from tests.unit.queued import submit_queued
from trainer_core.contract.spec import JobSpec


@dataclass
class CountingDoorbell:
    """Stands where the broker would be."""

    num_rings: int = 0

    def ring(self, _: Bell) -> None:
        self.num_rings += 1


@pytest.fixture
def doorbell() -> CountingDoorbell:
    return CountingDoorbell()


@pytest.fixture
def app(
    database_url: str,
    storage: Storage,  # noqa: ARG001 - it has a base model
    storage_root: str,
    tmp_path: Path,
    doorbell: CountingDoorbell,
) -> FastAPI:
    settings = Settings(
        database_url=database_url,
        broker_url="redis://127.0.0.1:1/0",
        storage_root=storage_root,
        scratch_dir=tmp_path / "api",
        max_upload_bytes=1_000_000,
        redirect_downloads=False,  # the client reaches nothing but the app
    )
    app = create_app(settings)
    app.state.parts = replace(app.state.parts, doorbell=doorbell)
    return app


@pytest.fixture
def client(app: FastAPI, api_key: str) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False, headers=bearer(api_key)) as client:
        yield client


@pytest.fixture
def job_id(database: Database, spec: JobSpec) -> str:
    """A queued job."""
    with database.writing() as session:
        return submit_queued(session, spec).id


@pytest.fixture
def lease(database: Database, job_id: str) -> Lease:
    """The lease of that job, which now runs."""
    with database.writing() as session:
        lease = leases.claim(session, worker="w", seconds=90)
    assert lease is not None
    assert lease.job_id == job_id
    return lease
