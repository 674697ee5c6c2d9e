"""Checkpoints of a job: the newest is where its next attempt goes on."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from store.clock import from_now
from store.leases import Lease
from store.tables import Checkpoint
from trainer_core.contract.events import CheckpointSaved


def record(session: Session, lease: Lease, saved: CheckpointSaved) -> None:
    """Add a checkpoint that is complete on the storage."""
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
