"""A job is claimed only where it fits."""

import pytest
from sqlalchemy import update

from store import events, leases, workers
from store.database import Database
from store.resources import Offer
from store.tables import Gpu, Job
from tests.unit.queued import submit_queued
from trainer_core.contract.spec import JobSpec, Resources

PLACE = Offer(gpu_bytes=(), place_bytes=100, has_gpus=False)
TWO_GPUS = Offer(gpu_bytes=(80, 10), place_bytes=100, has_gpus=True)
BUSY_GPUS = Offer(gpu_bytes=(), place_bytes=100, has_gpus=True)


def submit(database: Database, spec: JobSpec, gpus: object, device_bytes: int) -> str:
    asked = spec.model_copy(update={"resources": Resources.model_validate({"gpus": gpus})})
    with database.writing() as session:
        job_id = submit_queued(session, asked).id
        session.execute(update(Job).where(Job.id == job_id).values(device_bytes=device_bytes))
    return job_id


@pytest.mark.parametrize(
    ("gpus", "device_bytes", "offer", "fits"),
    [
        ("auto", 0, PLACE, True),
        ("auto", 101, PLACE, False),
        (1, 0, PLACE, False),
        (0, 0, PLACE, True),
        ("auto", 0, TWO_GPUS, True),
        ("auto", 0, BUSY_GPUS, False),
        (0, 0, BUSY_GPUS, True),
        (1, 50, TWO_GPUS, True),
        (2, 50, TWO_GPUS, False),
        (2, 10, TWO_GPUS, True),
        (3, 0, TWO_GPUS, False),
    ],
)
def test_a_job_is_claimed_where_it_fits(
    database: Database, spec: JobSpec, gpus: object, device_bytes: int, offer: Offer, *, fits: bool
) -> None:
    submit(database, spec, gpus, device_bytes)

    with database.writing() as session:
        assert leases.is_anything_due(session, offer) is fits
        assert (leases.claim(session, worker="w", seconds=90, offer=offer) is not None) is fits


def test_a_smaller_job_passes_one_that_does_not_fit(database: Database, spec: JobSpec) -> None:
    submit(database, spec, 4, 0)
    small = submit(database, spec, 1, 0)

    with database.writing() as session:
        lease = leases.claim(session, worker="w", seconds=90, offer=TWO_GPUS)

    assert lease is not None
    assert lease.job_id == small


def test_a_worker_tells_what_it_has(database: Database) -> None:
    gpu = Gpu(uuid="GPU-1", name="one", num_bytes=80)
    with database.writing() as session:
        workers.see(session, "w", num_slots=2, memory_bytes=100, gpus=[gpu])

    with database.reading() as session:
        (worker,) = workers.alive(session)
    assert (worker.num_slots, worker.memory_bytes, worker.gpus) == (2, 100, (gpu,))


@pytest.mark.parametrize(("gpus", "told"), [(1, True), (0, False)])
def test_a_queued_job_that_no_worker_could_run_tells_so(
    database: Database, spec: JobSpec, gpus: int, *, told: bool
) -> None:
    with database.writing() as session:
        workers.see(session, "w", num_slots=1, memory_bytes=100, gpus=[])

    job_id = submit(database, spec, gpus, 0)

    with database.reading() as session:
        queued = events.after(session, job_id, 0, 10)[-1]
    assert ("no worker that is there could run it" in queued.message) is told
