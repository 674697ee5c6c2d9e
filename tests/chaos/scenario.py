"""A service as tests of one fact each use it: jobs of so many steps, and what became of them."""

import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self

import psutil
from redis import Redis

from client import Tuneyard
from client.processes import Role
from client.views import Job
from store.database import Database
from store.doorbell import Doorbell, make_celery
from tests.chaos.instance import Instance
from tests.chaos.plan import ROW, spec_of
from tests.chaos.witness import Seen, read
from tests.patience import PATIENCE_SECONDS, until
from tests.unit.queued import submit_queued
from trainer_core.contract.spec import JobSpec

_LOOK_SECONDS = 0.05


class Scenario:
    """A started instance with an uploaded dataset."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.database = Database(instance.database.url)
        self.redis = Redis.from_url(instance.broker.url, decode_responses=True)
        self.doorbell = Doorbell(make_celery(instance.broker.url))
        self.client = Tuneyard(instance.url, api_key=instance.api_key, patience_seconds=PATIENCE_SECONDS)
        rows = instance.folder / "train.jsonl"
        rows.write_text(f"{json.dumps(ROW)}\n" * 8)
        self._dataset = self.client.datasets.upload(rows).id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.redis.close()
        self.database.close()

    def spec(self, num_steps: int, **changes: object) -> dict[str, object]:
        """Of a job whose steps take 50 ms each."""
        return spec_of(self.instance.plan, self._dataset, num_steps) | changes

    def submit(self, num_steps: int, **changes: object) -> str:
        """Submit a job by HTTP."""
        return self.client.jobs.create(self.spec(num_steps, **changes)).id

    @contextmanager
    def queued_unheard(self, num_jobs: int) -> Iterator[list[str]]:
        """Queue jobs of one step while every worker is frozen; they go on afterwards."""
        workers = self.instance.by_role()[Role.WORKER]
        spec = JobSpec.model_validate(self.spec(1))
        try:
            with self.database.writing() as session:  # whoever froze while writing would keep others from SQLite
                for worker in workers:
                    worker.suspend()
                job_ids = [submit_queued(session, spec).id for _ in range(num_jobs)]
            until(lambda: self.redis.info("clients")["blocked_clients"] == 0)  # they would still be served
            yield job_ids
        finally:
            for worker in workers:
                worker.resume()

    def until_running(self, job_ids: Iterable[str]) -> None:
        """Wait until trainers have been started for all of them."""
        for job_id in job_ids:
            until(lambda: self.client.jobs.retrieve(job_id).status == "running")  # noqa: B023 - called at once

    def ended(self, job_ids: Iterable[str]) -> list[Job]:
        """The jobs, once all have ended."""
        waiting = set(job_ids)

        def have_ended() -> bool:
            waiting.difference_update(job.id for job in self.client.jobs.list() if job.has_ended)
            return not waiting

        names = list(job_ids)
        until(have_ended)
        return [self.client.jobs.retrieve(job_id) for job_id in names]

    def training(self, num_steps: int) -> str:
        """A job that has come past its first checkpoint."""
        job_id = self.submit(num_steps)
        until(lambda: self.client.jobs.checkpoints(job_id))
        return job_id

    def process(self, role: Role) -> psutil.Process:
        """The one process of a role."""
        (found,) = self.instance.by_role()[role]
        return found

    def seen(self) -> list[Seen]:
        """Every step that a trainer has taken."""
        return read(self.instance.witness_path)

    def steps(self, job_id: str, attempt: int | None = None) -> list[Seen]:
        """Those of a job, or of one attempt."""
        return [one for one in self.seen() if one.job_id == job_id and attempt in {None, one.attempt}]

    def done_twice(self, jobs: Iterable[Job]) -> list[str]:
        """Jobs that were begun more than once by the record, or by what their trainers witnessed."""
        steps = Counter((one.job_id, one.step) for one in self.seen())
        again = {job_id for (job_id, _), num in steps.items() if num > 1}
        return [job.id for job in jobs if job.attempt != 1 or job.id in again]


@contextmanager
def carried_out(instance: Instance) -> Iterator[Scenario]:
    """Start an instance and start again whatever of it dies; none of its processes is left afterwards."""
    try:
        instance.start()
        with _tended(instance), Scenario(instance) as scenario:
            yield scenario
    finally:
        instance.destroy()


@contextmanager
def _tended(instance: Instance) -> Iterator[None]:
    """However long a test waits for an answer."""
    is_over = threading.Event()

    def tend() -> None:
        while not is_over.wait(_LOOK_SECONDS):
            instance.tend()

    thread = threading.Thread(target=tend)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
