"""POST /jobs over real HTTP, while the API is killed again and again."""

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles

import httpx2
import pytest
from sqlalchemy import func, select

from client import Tuneyard
from client.broker import Broker
from client.errors import ApiError
from store.database import Database
from store.files import Storage
from store.tables import Event, Inspection, Job
from tests.patience import PATIENCE_SECONDS
from tests.unit.api.serving import Server
from tests.unit.bearing import bearer
from trainer_core.contract.spec import JobSpec

NUM_CLIENTS = 4


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def broker_process(broker: Broker, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(broker.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(broker.configuration(tmp_path))
        process.stdin.close()
        yield process
        process.kill()


def get(server: Server, path: str, api_key: str) -> dict[str, object]:
    with httpx2.Client(base_url=server.url, headers=bearer(api_key), timeout=PATIENCE_SECONDS, trust_env=False) as http:
        answer: dict[str, object] = http.get(path).json()
    return answer


def post(server: Server, spec: JobSpec, api_key: str) -> tuple[int, float]:
    """Submit a job; the status of the answer, and the seconds until it came."""
    with httpx2.Client(base_url=server.url, headers=bearer(api_key), timeout=PATIENCE_SECONDS, trust_env=False) as http:
        begun_at = time.perf_counter()
        answer = http.post("/jobs", json=spec.model_dump(mode="json"))
        return answer.status_code, time.perf_counter() - begun_at


@pytest.fixture
def server(database_url: str, storage: Storage, tmp_path: Path) -> Iterator[Server]:
    assert storage.root == tmp_path / "storage"
    with Server(database_url, tmp_path) as server:
        yield server


@pytest.mark.parametrize(
    ("num_jobs", "num_kills"), [(60, 4), pytest.param(500, 20, marks=pytest.mark.long)], ids=["few", "many"]
)
def test_every_submission_is_one_job_however_often_the_api_is_killed(
    server: Server, database: Database, spec: JobSpec, api_key: str, num_jobs: int, num_kills: int
) -> None:
    told: list[str] = []
    answered = threading.Condition()

    def submit() -> None:
        with Tuneyard(server.url, api_key=api_key, patience_seconds=PATIENCE_SECONDS) as tuneyard:
            for _ in range(num_jobs // NUM_CLIENTS):
                job = tuneyard.jobs.create(spec)
                with answered:
                    told.append(job.id)
                    answered.notify()

    clients = [threading.Thread(target=submit) for _ in range(NUM_CLIENTS)]
    for client in clients:
        client.start()
    for _ in range(num_kills):
        with answered:  # by then the other clients are in the middle of a request
            enough = min(len(told) + num_jobs // (num_kills + 2), num_jobs)
            assert answered.wait_for(lambda: len(told) >= enough, PATIENCE_SECONDS)  # noqa: B023 - it is done with then
        server.restart()
    for client in clients:
        client.join()

    with database.reading() as session:
        job_ids = session.scalars(select(Job.id)).all()
        num_rows = [session.scalar(select(func.count()).select_from(table)) for table in (Inspection, Event)]
    assert len(told) == num_jobs
    assert sorted(job_ids) == sorted(told)
    assert num_rows == [num_jobs, num_jobs]


def test_another_body_under_a_used_key_is_refused(server: Server, spec: JobSpec, api_key: str) -> None:
    with Tuneyard(server.url, api_key=api_key, patience_seconds=PATIENCE_SECONDS) as tuneyard:
        tuneyard.jobs.create(spec, idempotency_key="k")

        with pytest.raises(ApiError, match="idempotency_key_reused"):
            tuneyard.jobs.create(spec.model_copy(update={"seed": 7}), idempotency_key="k")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_broker_that_hangs_holds_up_no_submission(
    broker: Broker,
    broker_process: subprocess.Popen[bytes],
    database_url: str,
    storage: Storage,
    spec: JobSpec,
    api_key: str,
) -> None:
    with Server(database_url, storage.root.parent, broker.url) as server:
        assert get(server, "/readyz", api_key)["database"]
        broker_process.send_signal(signal.SIGSTOP)

        with ThreadPoolExecutor(10) as clients:
            answers = list(clients.map(lambda _: post(server, spec, api_key), range(100)))

        broker_process.send_signal(signal.SIGCONT)
        log = server.log
    statuses, seconds = zip(*answers, strict=True)
    print(f"p50 {quantiles(seconds, n=100)[49]:.3f} s, p99 {quantiles(seconds, n=100)[98]:.3f} s")  # noqa: T201
    assert set(statuses) == {201}
    assert "Traceback" not in log
