"""Messages of somebody who reaches the broker: a worker ignores them and goes on (S15)."""

import base64
import json
import pickle
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from store import jobs
from store.database import Database
from store.doorbell import Bell, Doorbell, make_celery
from store.files import Storage
from store.lifecycle import JobStatus
from tests.patience import until
from tests.unit.queued import submit_queued
from tests.unit.worker.processes import broker, worker
from trainer_core.contract.spec import JobSpec

QUEUE = "tuneyard:tuneyard"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@dataclass(frozen=True)
class Site:
    """A worker that waits for messages, and the broker by which they come."""

    process: subprocess.Popen[bytes]
    log_path: Path
    redis: Redis
    url: str

    def waits(self) -> int:
        """How many messages nobody has taken yet."""
        return int(self.redis.llen(QUEUE))

    def take_all(self) -> None:
        until(lambda: self.waits() == 0)


@pytest.fixture
def site(database_url: str, storage: Storage, tmp_path: Path) -> Iterator[Site]:
    log_path = tmp_path / "worker.log"
    with broker(tmp_path / "broker", "word") as found:
        environment = {
            "TUNEYARD_DATABASE_URL": database_url,
            "TUNEYARD_BROKER_URL": found.url,
            "TUNEYARD_STORAGE_ROOT": str(storage.root),
            "TUNEYARD_WARM_IDLE_SECONDS": "0",
        }
        with worker(environment, "succeed", log_path) as process, Redis.from_url(found.url) as redis:
            until(lambda: "ready" in log_path.read_text())
            yield Site(process, log_path, redis, found.url)


def envelope(body: bytes, content_type: str, **headers: Any) -> str:
    """A message as Celery's transport writes it."""
    properties = {
        "body_encoding": "base64",
        "delivery_tag": "forged",
        "delivery_mode": 2,
        "priority": 0,
        "correlation_id": "forged",
        "reply_to": "forged",
        "delivery_info": {"exchange": "", "routing_key": "tuneyard"},
    }
    told = {"lang": "py", "task": Bell.JOBS, "id": "forged", "root_id": "forged", "argsrepr": "()", **headers}
    message = {
        "body": base64.b64encode(body).decode(),
        "content-encoding": "utf-8",
        "content-type": content_type,
        "headers": told,
        "properties": properties,
    }
    return json.dumps(message)


class Pickled:
    """What runs when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._canary,)


def forged(canary: Path) -> list[str | bytes]:
    """Messages that no doorbell has sent."""
    program = pickle.dumps(Pickled(canary))
    words = json.dumps(
        [["ftjob-of-somebody-else", {"spec": {"base_model": "/etc"}}], {"job_id": "ftjob-1"}, {}]
    ).encode()
    return [
        b"\x80\x04 no message at all",
        b"",
        "{}",
        "[]",
        "1",
        envelope(program, "application/x-python-serialize"),
        envelope(program, "application/json"),
        envelope(b"!!python/object/apply:os.system ['true']", "application/x-yaml"),
        envelope(b"[[], {}, {}]", "application/json", task="os.system"),
        envelope(b"[[], {}, {}]", "application/json", task="worker.app.create_app"),
        envelope(b"[[], {}, {}]", "application/json", task=["not", "a", "name"]),
        envelope(b"[[], {}, {}]", "application/json", eta="never", expires="later", retries="many"),
        envelope(b"not JSON", "application/json"),
        envelope(words, "application/json"),
        envelope(words, "application/json", task=Bell.INSPECTIONS),
    ]


def test_forged_messages_are_ignored_and_jobs_go_on(
    site: Site, database: Database, spec: JobSpec, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"

    for message in forged(canary):
        site.redis.lpush(QUEUE, message)
    site.take_all()
    with database.writing() as session:
        job_id = submit_queued(session, spec).id
    Doorbell(make_celery(site.url)).ring()

    def status() -> JobStatus:
        with database.reading() as session:
            return jobs.get(session, job_id).status

    until(lambda: status() == JobStatus.SUCCEEDED)
    assert site.process.poll() is None
    assert not canary.exists()


@pytest.mark.parametrize("command", ["shutdown", "pool_restart", "rate_limit"])
def test_nobody_commands_a_worker_over_the_broker(site: Site, command: str) -> None:
    stranger = Celery(broker=site.url, broker_transport_options={"global_keyprefix": "tuneyard:"})

    stranger.control.broadcast(command, arguments={})

    assert stranger.control.ping(timeout=2) == []
    assert site.process.poll() is None
