"""Many processes that claim jobs as fast as they can, all begun at once."""

import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

from sqlalchemy import insert, update

from store import leases
from store.clock import from_now
from store.database import UNAVAILABLE, Database
from store.leases import Lease
from store.lifecycle import JobStatus
from store.tables import Job
from tests.patience import PATIENCE_SECONDS
from trainer_core.contract.spec import JobSpec

_barrier: Barrier


@dataclass(frozen=True)
class Claimed:
    """What one process has got, in its order."""

    job_ids: list[str]
    seconds: list[float]
    """How long each claim took, the transaction around it included."""


def race(url: str, num_processes: int) -> list[Claimed]:
    """What each process has claimed once nothing was left."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    barrier = context.Barrier(num_processes)
    with context.Pool(num_processes, _prepare, (barrier,)) as pool:
        return pool.starmap(_claim_all, [(url, f"w{number}") for number in range(num_processes)], chunksize=1)


def add_queued(database: Database, num_jobs: int) -> list[str]:
    """Ids of jobs that wait."""
    spec = JobSpec(base_model="starter", train_dataset="file-1")
    rows = [
        {
            "id": f"ftjob-{number:06d}",
            "status": JobStatus.VALIDATING,
            "spec": spec,
            "base_model": spec.base_model,
            "priority": number % 3,
        }
        for number in range(num_jobs)
    ]
    with database.writing() as session:
        session.execute(insert(Job).values(not_before=from_now(), created_at=from_now()), rows)
        session.execute(update(Job).values(status=JobStatus.QUEUED, queued_at=from_now()))
    return [str(row["id"]) for row in rows]


def _prepare(barrier: Barrier) -> None:
    global _barrier  # noqa: PLW0603 - a barrier reaches a process only where it begins
    _barrier = barrier


def _claim_all(url: str, worker: str) -> Claimed:
    database = Database(url)
    database.ping()
    claimed = Claimed([], [])
    _barrier.wait(PATIENCE_SECONDS)
    while True:
        begun_at = time.perf_counter()
        lease = _claim(database, worker, begun_at + PATIENCE_SECONDS)
        if lease is None:
            break
        claimed.seconds.append(time.perf_counter() - begun_at)
        claimed.job_ids.append(lease.job_id)
    database.close()
    return claimed


def _claim(database: Database, worker: str, until: float) -> Lease | None:
    """As a worker does, which asks again where others went first for half a minute: SQLite has no queue."""
    while True:
        try:
            with database.writing() as session:
                return leases.claim(session, worker=worker, seconds=90)
        except UNAVAILABLE:
            if time.perf_counter() > until:
                raise
