"""Checkpoints of a job: the newest is where its next attempt goes on."""

from collections.abc import Sequence

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from store import leases
from store.clock import from_now
from store.leases import Lease
from store.tables import Checkpoint
from trainer_core.contract.events import CheckpointSaved


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


def of_job(session: Session, job_id: str) -> Sequence[Checkpoint]:
    """All checkpoints of a job, newest first."""
    statement = (
        select(Checkpoint)
        .where(Checkpoint.job_id == job_id)
        .order_by(Checkpoint.step.desc(), Checkpoint.attempt.desc())
    )
    return session.scalars(statement).all()
