"""The API as people run it, a process of its own, with a folder for its files."""

import os
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2
import psutil

from client.deployment import api_command
from client.listening import listen, url_of
from store import datasets, inspections, keys, leases
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.leases import Lease
from store.scopes import Scope
from trainer_core.contract.dataset import DatasetReport
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import JobSpec

SPEC = JobSpec(base_model="starter", train_dataset="file-1")
"""Of a job that this API takes; nobody hears it ring."""
_START_SECONDS = 60
_LEASE_SECONDS = 600


class Api:
    """Answers while entered."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.storage_root = folder / "storage"
        model = self.storage_root / "models" / "starter"
        model.mkdir(parents=True)
        (model / "config.json").write_text("{}")
        _add_dataset(database)
        self.key = _make_key(database)
        self.authorization = {"Authorization": f"Bearer {self.key}"}
        """The headers that carry a key."""
        self._listener = listen("127.0.0.1", 0)
        self.url = url_of(self._listener)
        fd = self._listener.fileno()
        self._process = subprocess.Popen(
            api_command(fd),
            env=os.environ
            | {
                "TUNEYARD_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
                "TUNEYARD_BROKER_URL": "redis://127.0.0.1:1/0",
                "TUNEYARD_STORAGE_ROOT": str(self.storage_root),
            },
            pass_fds=[fd],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.process = psutil.Process(self._process.pid)

    def __enter__(self) -> Self:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                httpx2.get(f"{self.url}/healthz", timeout=_START_SECONDS).raise_for_status()
            except httpx2.HTTPError:
                continue
            return self
        raise RuntimeError("the API does not answer")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.close()


def running_job(database: Database) -> Lease:
    """Submit a job, find nothing wrong with it, and claim it."""
    with database.writing() as session:
        inspections.submit(session, SPEC)
        claim = inspections.claim(session, 60)
        assert claim is not None
        inspections.finish(session, claim, JobReport(is_valid=True))
        lease = leases.claim(session, worker="benchmark", seconds=_LEASE_SECONDS)
    assert lease is not None
    return lease


def _make_key(database: Database) -> str:
    with database.writing() as session:
        _, key = keys.create(session, project_id=DEFAULT_PROJECT, name="benchmark", scope=Scope.ADMIN)
    return key


def _add_dataset(database: Database) -> None:
    with database.writing() as session:
        datasets.add(
            session,
            dataset_id=SPEC.train_dataset,
            filename="train.jsonl",
            num_bytes=10,
            sha256="0" * 64,
            report=DatasetReport(form="JSONL", num_rows=1),
        )
