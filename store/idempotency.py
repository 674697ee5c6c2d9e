"""Keys that clients send with a job, so that sending it again after a lost answer gives the same job.

A key is kept in the job's own transaction: there is never one without the other. Of two requests with one key that
meet, the second's transaction fails whole, and it reads what the first has left.
"""

import hashlib
import json

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.clock import from_now
from store.database import owner
from store.tables import IdempotencyKey
from trainer_core.contract.spec import JobSpec

_KEPT_SECONDS = 72 * 3600.0


class KeyTaken(Exception):
    """Another request with this key was faster; nothing of this one must be committed."""


class KeyReused(Exception):
    """The key belongs to a job with another spec."""

    def __init__(self, key: str, job_id: str) -> None:
        super().__init__(
            f"the Idempotency-Key {key!r} was sent with another body before, which became job {job_id}; "
            "to get that job again send its body unchanged, to submit another one use a new key"
        )


def keep(session: Session, key: str, spec: JobSpec, job_id: str) -> None:
    """Keep a key for the job that was just submitted.

    Raises:
        KeyTaken: It is another request's.
    """
    values = {
        "project_id": owner(session),
        "key": key,
        "spec_sha256": _digest(spec),
        "job_id": job_id,
        "created_at": from_now(),
    }
    try:
        session.execute(insert(IdempotencyKey).values(**values))
    except IntegrityError as error:
        raise KeyTaken(key) from error


def job_of(session: Session, key: str, spec: JobSpec) -> str | None:
    """Id of the job that was submitted with this key; None if there is none, or it was too long ago.

    Raises:
        KeyReused: That job has another spec.
    """
    found = session.execute(
        select(IdempotencyKey.job_id, IdempotencyKey.spec_sha256).where(
            IdempotencyKey.project_id == owner(session), IdempotencyKey.key == key
        )
    ).one_or_none()
    if found is None:
        return None
    if found.spec_sha256 != _digest(spec):
        raise KeyReused(key, found.job_id)
    return str(found.job_id)


def forget_old(session: Session) -> None:
    """Delete keys that nobody sends again."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < from_now(-_KEPT_SECONDS)))


def _digest(spec: JobSpec) -> str:
    """Of what the body means, not of how it was written."""
    canonical = json.dumps(spec.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
