"""Jobs that have been found to fit, or run already."""

from sqlalchemy.orm import Session

from store import inspections, jobs, leases
from store.database import Database
from store.leases import Lease
from store.tables import Job
from trainer_core.contract.report import Estimate, JobReport, MemoryEstimate
from trainer_core.contract.spec import JobSpec

_MEMORY = ("weights", "adapter", "gradient", "optimizer", "activation", "logits", "total")
ESTIMATE = Estimate(
    num_parameters=1,
    num_trainable_parameters=1,
    steps_per_epoch=1,
    total_steps=1,
    memory=MemoryEstimate(**{f"{name}_bytes": 0 for name in _MEMORY}, device_bytes=None),
    disk_bytes=1,
    flops=1e9,
)
"""What some job will take."""


def submit_queued(session: Session, spec: JobSpec) -> Job:
    """Submit a job, have it looked at, and find nothing wrong with it."""
    job = inspections.submit(session, spec)
    pass_inspection(session)
    return jobs.get(session, job.id)


def pass_inspection(session: Session, report: JobReport | None = None) -> None:
    """Answer the oldest inspection that is asked for."""
    claim = inspections.claim(session, 60)
    assert claim is not None
    inspections.finish(session, claim, report or JobReport(is_valid=True))


def claim_submitted(database: Database, spec: JobSpec) -> Lease:
    """Submit a job to an empty queue and have a worker claim it."""
    with database.writing() as session:
        submit_queued(session, spec)
        lease = leases.claim(session, worker="w", seconds=90)
    assert lease is not None
    return lease
