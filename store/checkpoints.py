"""Checkpoints of a job: the newest is where its next attempt goes on."""

from collections.abc import Sequence

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from store import leases
from store.clock import from_now
from store.leases import Lease
from store.tables import Checkpoint
from trainer_core.contract.events import CheckpointSaved


class CheckpointNotFound(Exception):
    """The job has no checkpoint of this step."""

    def __init__(self, job_id: str, step: int) -> None:
        super().__init__(f"job {job_id} keeps no checkpoint of step {step}; GET /jobs/{job_id}/checkpoints tells which")


def record(session: Session, lease: Lease, saved: CheckpointSaved) -> None:
    """Add a checkpoint that is complete on the storage; with one of a new step, faults before it count no longer."""
    newest = session.scalar(select(func.max(Checkpoint.step)).where(Checkpoint.job_id == lease.job_id))
    session.execute(
        insert(Checkpoint).values(
            job_id=lease.job_id,
            attempt=lease.attempt,
            step=saved.step,
            epoch=saved.epoch,
            path=saved.path,
            num_bytes=saved.num_bytes,
            manifest_sha256=saved.manifest_sha256,
            metrics=dict(saved.metrics),
            created_at=from_now(),
        )
    )
    if newest is None or saved.step > newest:
        leases.write(session, lease, infra_failures=0)


def remove(session: Session, lease: Lease, step: int) -> None:
    """Forget a checkpoint that the trainer deleted."""
    session.execute(
        delete(Checkpoint).where(
            Checkpoint.job_id == lease.job_id, Checkpoint.attempt == lease.attempt, Checkpoint.step == step
        )
    )


def at_step(session: Session, job_id: str, step: int) -> Checkpoint:
    """The checkpoint of a step, of several that of the newest attempt.

    Raises:
        CheckpointNotFound: There is none, or none any more.
    """
    statement = select(Checkpoint).where(Checkpoint.job_id == job_id, Checkpoint.step == step)
    found = session.scalars(statement.order_by(Checkpoint.attempt.desc()).limit(1)).one_or_none()
    if found is None:
        raise CheckpointNotFound(job_id, step)
    return found


def of_job(session: Session, job_id: str) -> Sequence[Checkpoint]:
    """All checkpoints of a job, newest first."""
    statement = (
        select(Checkpoint)
        .where(Checkpoint.job_id == job_id)
        .order_by(Checkpoint.step.desc(), Checkpoint.attempt.desc())
    )
    return session.scalars(statement).all()
