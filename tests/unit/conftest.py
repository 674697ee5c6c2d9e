"""Real databases, migrated as in production, and real storage: fresh for each test, of every kind."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from fastapi.testclient import TestClient
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from api.app import create_app
from api.settings import Settings
from migrations.__main__ import config
from store import datasets, keys
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.files import Storage
from store.scopes import Scope
from telemetry import about
from tests.postgres import Databases, PatientPostgres
from tests.unit.bearing import bearer
from tests.unit.engines import hurried
from tests.unit.worker.counting_doorbell import CountingDoorbell
from trainer_core.contract.dataset import DatasetReport
from trainer_core.contract.spec import JobSpec

TEMPLATE = "tuneyard_template"


def migrate(url: str) -> None:
    """Bring a database to the newest revision, as `python -m migrations` does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEYARD_DATABASE_URL", url)
        command.upgrade(config(), "head")


@pytest.fixture(scope="session", autouse=True)
def _engines_are_hurried() -> Iterator[None]:
    with hurried():
        yield


@pytest.fixture(autouse=True)
def _knows_nothing_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a runner that ran in this process knows for good, it knows until its test ends."""
    monkeypatch.setattr(about, "_process", {})


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Databases]:
    """A PostgreSQL server on a socket, with a migrated template."""
    # Run by root it has an account of its own, from which every new pytest would shut its temporary folders.
    folder = Path(tempfile.mkdtemp(prefix="tuneyard-postgres-"))
    with (
        PatientPostgres(folder, cleanup_mode="delete") as server,
        Databases(server) as databases,
        databases.made(TEMPLATE) as url,
    ):
        migrate(url)
        yield databases


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, migrated database of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "tuneyard.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    databases: Databases = request.getfixturevalue("postgres")
    with databases.made(f"test_{os.urandom(6).hex()}", TEMPLATE) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def api_key(database: Database) -> str:
    """An admin key of the default project."""
    with database.writing() as session:
        _, key = keys.create(session, project_id=DEFAULT_PROJECT, name="tests", scope=Scope.ADMIN)
    return key


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """The URL of a bucket on a server that speaks S3."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "tests")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        S3FileSystem().mkdir("tuneyard")
        yield "s3://tuneyard"
    server.stop()


@pytest.fixture
def storage_kind() -> str:
    """Tests that hold for every kind of storage are parametrized with `storage_kind`."""
    return "folder"


@pytest.fixture
def storage_root(storage_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty folder, or an empty prefix of a bucket."""
    if storage_kind == "folder":
        return str(tmp_path / "storage")
    return f"{request.getfixturevalue('bucket')}/{os.urandom(6).hex()}"


@pytest.fixture
def storage(storage_root: str, tmp_path: Path) -> Storage:
    """Shared storage, as a worker's host has it, with one registered base model, `starter`."""
    storage = Storage(storage_root, tmp_path / "scratch")
    storage.prepare()
    model = tmp_path / "registered"
    model.mkdir()
    (model / "config.json").write_text("{}")
    storage.publish(model, storage.root / "models" / "starter")
    return storage


@pytest.fixture
def service(database_url: str, api_key: str, storage_root: str, tmp_path: Path) -> TestClient:
    """The API on a host of its own; its rings are heard by nobody."""
    settings = Settings(
        database_url=database_url,
        broker_url="redis://127.0.0.1:1/0",
        storage_root=storage_root,
        scratch_dir=tmp_path / "api",
        redirect_downloads=False,  # its client reaches nothing but the app
    )
    app = create_app(settings)
    app.state.parts = replace(app.state.parts, doorbell=CountingDoorbell())
    return TestClient(app, headers=bearer(api_key))


@pytest.fixture
def spec(database: Database) -> JobSpec:
    """A spec whose dataset is there."""
    with database.writing() as session:
        datasets.add(
            session,
            dataset_id="file-1",
            filename="train.jsonl",
            num_bytes=10,
            sha256="0" * 64,
            report=DatasetReport(form="JSONL", num_rows=1),
        )
    return JobSpec(base_model="starter", train_dataset="file-1")
