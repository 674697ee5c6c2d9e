"""POST /jobs over real HTTP, while the API is killed again and again."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from client.errors import ApiError
from client.tuneyard import Tuneyard
from store.database import Database
from store.files import Storage
from store.tables import Event, Inspection, Job
from tests.unit.api.serving import Server
from trainer_core.contract.spec import JobSpec

NUM_CLIENTS = 4


@pytest.fixture
def server(database_url: str, storage: Storage, tmp_path: Path) -> Iterator[Server]:
    assert storage.root == tmp_path / "storage"
    with Server(database_url, tmp_path) as server:
        yield server


@pytest.mark.parametrize(
    ("num_jobs", "num_kills"), [(60, 4), pytest.param(500, 40, marks=pytest.mark.long)], ids=["few", "many"]
)
def test_every_submission_is_one_job_however_often_the_api_is_killed(
    server: Server, database: Database, spec: JobSpec, num_jobs: int, num_kills: int
) -> None:
    told: list[str] = []
    answered = threading.Condition()

    def submit() -> None:
        with Tuneyard(server.url, patience_seconds=60) as tuneyard:
            for _ in range(num_jobs // NUM_CLIENTS):
                job = tuneyard.submit(spec)
                with answered:
                    told.append(job.id)
                    answered.notify()

    clients = [threading.Thread(target=submit) for _ in range(NUM_CLIENTS)]
    for client in clients:
        client.start()
    for _ in range(num_kills):
        with answered:  # by then the other clients are in the middle of a request
            enough = len(told) + num_jobs // (num_kills + 2)
            assert answered.wait_for(lambda: len(told) >= enough, timeout=60)  # noqa: B023 - it is done with then
        server.restart()
    for client in clients:
        client.join()

    with database.reading() as session:
        job_ids = session.scalars(select(Job.id)).all()
        num_rows = [session.scalar(select(func.count()).select_from(table)) for table in (Inspection, Event)]
    assert len(told) == num_jobs
    assert sorted(job_ids) == sorted(told)
    assert num_rows == [num_jobs, num_jobs]


def test_another_body_under_a_used_key_is_refused(server: Server, spec: JobSpec) -> None:
    with Tuneyard(server.url, patience_seconds=30) as tuneyard:
        tuneyard.submit(spec, idempotency_key="k")

        with pytest.raises(ApiError, match="idempotency_key_reused"):
            tuneyard.submit(spec.model_copy(update={"seed": 7}), idempotency_key="k")
