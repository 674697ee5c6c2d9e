"""Who may run a job: claimed by one statement, kept by beats, and every write fenced by attempt and owner token.

All times are the database's. A write that touches no row means that the lease is lost: its runner must stop.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from store import drains, events, sharing
from store.clock import from_now
from store.database import touched
from store.lifecycle import ENDED, JobStatus
from store.resources import ANYTHING, Needs, Offer
from store.tables import Attempt, Job
from store.waiting import CLAIM_ORDER
from trainer_core.contract.dataset import DatasetFault
from trainer_core.contract.errors import FailureCode

MAX_INFRA_FAILURES = 5
"""Infrastructure faults that a job may have before it fails; its user's errors are never retried."""
_BACKOFF_SECONDS = 5
_MAX_BACKOFF_SECONDS = 300


class Wish(StrEnum):
    """What somebody asked of a running job."""

    CANCEL = "cancel"
    PAUSE = "pause"
    FINISH = "finish"
    DRAIN = "drain"
    """Of its worker: the job is to go back to the queue."""


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    GIVEN_BACK = "given_back"
    """Uncharged: its worker stopped, or somebody asked the job to wait."""
    LOST = "lost"
    """To a fault of the infrastructure."""


class LeaseLost(Exception):
    """Another attempt owns the job now, or none: what this one still has to say does not count."""


@dataclass(frozen=True)
class Lease:
    """The right to run one attempt of a job."""

    job_id: str
    attempt: int
    owner_token: str


@dataclass(frozen=True)
class Way:
    """How a job has come to an attempt."""

    traceparent: str | None
    """Of the request that submitted it."""
    queued_at: datetime
    claimed_at: datetime


@dataclass(frozen=True)
class Failure:
    """Why an attempt ended the job."""

    code: FailureCode
    message: str
    faults: tuple[DatasetFault, ...] = ()


def claim(session: Session, *, worker: str, seconds: float, offer: Offer = ANYTHING) -> Lease | None:
    """Take the best queued job that fits what is offered; None if none is due, or the worker is drained.

    It is one of the project whose turn it is, and of that project's the one with the highest priority, then the oldest.
    """
    if drains.applies(session, worker):
        return None
    claims = (_claim(session, project_id, worker, seconds, offer) for project_id in sharing.turns(session, offer))
    return next((lease for lease in claims if lease is not None), None)


def _claim(session: Session, project_id: str, worker: str, seconds: float, offer: Offer) -> Lease | None:
    owner_token = secrets.token_urlsafe(24)
    best = (
        select(Job.id)
        .where(Job.project_id == project_id, *sharing.due(offer))
        .order_by(*CLAIM_ORDER)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    claimed = session.execute(
        update(Job)
        .where(Job.id == best, Job.status == JobStatus.QUEUED)
        .values(
            status=JobStatus.RUNNING,
            phase="starting",
            attempt=Job.attempt + 1,
            owner_token=owner_token,
            lease_until=from_now(seconds),
            worker=worker,
            progress=None,
            started_at=func.coalesce(Job.started_at, from_now()),
        )
        .returning(Job.id, Job.attempt)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if claimed is None:
        return None
    lease = Lease(claimed.id, claimed.attempt, owner_token)
    _begin_attempt(session, lease, worker)
    return lease


def needs(session: Session, lease: Lease) -> Needs:
    """What the claimed job needs."""
    row = session.execute(select(Job.num_gpus, Job.device_bytes).where(Job.id == lease.job_id)).one()
    return Needs(row.num_gpus, row.device_bytes)


def way(session: Session, lease: Lease) -> Way:
    """How the claimed job has come to this attempt."""
    joined = select(Job.traceparent, Job.queued_at, Attempt.started_at).join(Attempt, Attempt.job_id == Job.id)
    row = session.execute(joined.where(Job.id == lease.job_id, Attempt.number == lease.attempt)).one()
    assert row.queued_at is not None
    return Way(row.traceparent, row.queued_at, row.started_at)


def occupy(session: Session, lease: Lease, slots: Sequence[str]) -> None:
    """Write down the locks that the attempt's processes hold."""
    _write_attempt(session, lease, slots=tuple(slots))


def held_by(session: Session, worker: str) -> Sequence[tuple[Lease, tuple[str, ...]]]:
    """The leases of a worker's attempts, each with the names of their slots."""
    rows = session.execute(
        select(Job.id, Job.attempt, Job.owner_token, Attempt.slots)
        .join(Attempt, (Attempt.job_id == Job.id) & (Attempt.number == Job.attempt))
        .where(Job.status == JobStatus.RUNNING, Job.worker == worker)
    )
    return [(Lease(row.id, row.attempt, row.owner_token or ""), row.slots) for row in rows]


def _begin_attempt(session: Session, lease: Lease, worker: str) -> None:
    session.execute(
        insert(Attempt).values(
            job_id=lease.job_id,
            number=lease.attempt,
            worker=worker,
            started_at=from_now(),
            last_beat_at=from_now(),
        )
    )
    message = f"Attempt {lease.attempt} started on {worker}"
    events.record(session, lease.job_id, lease.attempt, "attempt_started", message, {"worker": worker})


def renew(session: Session, lease: Lease, seconds: float, **pids: int) -> None:
    """Keep the lease for `seconds` from now, even one that ran out as long as nobody has taken the job.

    Args:
        pids: `runner_pid` and `trainer_pid` of the attempt, once they are known.

    Raises:
        LeaseLost: The job has another owner, or none.
    """
    write(session, lease, lease_until=from_now(seconds))
    _write_attempt(session, lease, last_beat_at=from_now(), **pids)


def begin_batch(session: Session, lease: Lease, number: int) -> bool:
    """Count a batch of an attempt's writes, from 1; False if it was written before.

    A commit whose answer was lost is repeated by whoever made it: it must not count twice.
    """
    row = (Attempt.job_id == lease.job_id, Attempt.number == lease.attempt, Attempt.num_batches == number - 1)
    return touched(session, update(Attempt).where(*row).values(num_batches=number)) == 1


def wish(session: Session, lease: Lease) -> Wish | None:
    """The most urgent of what somebody asked of the job.

    Raises:
        LeaseLost: The job has another owner, or none.
    """
    flags = (Job.cancel_requested_at, Job.pause_requested_at, Job.finish_requested_at)
    is_asked = (*(flag.is_not(None) for flag in flags), drains.gives_back(Job.worker))
    asked = session.execute(select(*is_asked).where(*_held(lease))).one_or_none()
    if asked is None:
        raise LeaseLost(lease.job_id)
    return next((wish for wish, is_wished in zip(Wish, asked, strict=True) if is_wished), None)


def seconds_spent(session: Session, lease: Lease) -> float:
    """How long the attempts before this one have run, since the job was last submitted or retried."""
    first = session.scalar(select(Job.first_attempt).where(Job.id == lease.job_id))
    attempts = session.scalars(
        select(Attempt).where(Attempt.job_id == lease.job_id, Attempt.number >= first, Attempt.number < lease.attempt)
    )
    return sum(((one.ended_at or one.last_beat_at) - one.started_at).total_seconds() for one in attempts)


def write(session: Session, lease: Lease, **values: Any) -> None:
    """Change columns of the job.

    Raises:
        LeaseLost: The job has another owner, or none; nothing was written.
    """
    if touched(session, update(Job).where(*_held(lease)).values(**values)) != 1:
        raise LeaseLost(lease.job_id)


def succeed(session: Session, lease: Lease) -> None:
    """Move the job to `succeeded`."""
    _release(
        session, lease, JobStatus.SUCCEEDED, AttemptOutcome.SUCCEEDED, "Job succeeded: its artifact can be downloaded"
    )


def cancel(session: Session, lease: Lease) -> None:
    """Move the job to `cancelled`."""
    _release(session, lease, JobStatus.CANCELLED, AttemptOutcome.CANCELLED, "Job cancelled")


def fail(session: Session, lease: Lease, failure: Failure) -> None:
    """Move the job to `failed`."""
    _release(
        session,
        lease,
        JobStatus.FAILED,
        AttemptOutcome.FAILED,
        f"Job failed: {failure.message}",
        failure_code=failure.code,
        failure_message=failure.message,
        failure_faults=failure.faults or None,
    )


def give_back(session: Session, lease: Lease, reason: str) -> None:
    """Let go of the job, uncharged; it waits in the queue, or for whatever was asked of it."""
    _let_go(session, lease, AttemptOutcome.GIVEN_BACK, reason, delay_seconds=0)


def charge(session: Session, lease: Lease, reason: str) -> None:
    """Let go of the job after an infrastructure fault; fail it if its budget is spent and nobody asked for its end."""
    failures = session.scalar(select(Job.infra_failures).where(*_held(lease)).with_for_update())
    if failures is None:
        raise LeaseLost(lease.job_id)
    if failures >= MAX_INFRA_FAILURES and wish(session, lease) is not Wish.CANCEL:
        message = (
            f"{reason} ({failures + 1} infrastructure faults without progress; the budget is {MAX_INFRA_FAILURES})"
        )
        fail(session, lease, Failure(FailureCode.INFRA_EXHAUSTED, message))
        return
    delay_seconds = min(_BACKOFF_SECONDS * 2**failures, _MAX_BACKOFF_SECONDS)
    _let_go(session, lease, AttemptOutcome.LOST, reason, delay_seconds=delay_seconds, infra_failures=failures + 1)


def expired(session: Session) -> Iterator[Lease]:
    """Leases that ran out; their rows are locked until the commit."""
    statement = (
        select(Job.id, Job.attempt, Job.owner_token)
        .where(Job.status == JobStatus.RUNNING, Job.lease_until < from_now())
        .with_for_update(skip_locked=True)
    )
    for row in session.execute(statement).all():
        yield Lease(row.id, row.attempt, row.owner_token or "")


def is_anything_due(session: Session, offer: Offer = ANYTHING) -> bool:
    """True if a queued job could be claimed now."""
    return next(sharing.turns(session, offer), None) is not None


def _held(lease: Lease) -> tuple[Any, ...]:
    return (
        Job.id == lease.job_id,
        Job.status == JobStatus.RUNNING,
        Job.attempt == lease.attempt,
        Job.owner_token == lease.owner_token,
    )


def _let_go(
    session: Session,
    lease: Lease,
    outcome: AttemptOutcome,
    reason: str,
    *,
    delay_seconds: float,
    **values: Any,
) -> None:
    asked = wish(session, lease)
    if asked is Wish.CANCEL:
        _release(session, lease, JobStatus.CANCELLED, outcome, f"{reason}; job cancelled")
    elif asked is Wish.PAUSE:
        _release(session, lease, JobStatus.PAUSED, outcome, f"{reason}; job paused", **values)
    else:
        start = f", to start in {delay_seconds} s at the earliest" if delay_seconds else ""
        _release(
            session,
            lease,
            JobStatus.QUEUED,
            outcome,
            f"{reason}; job queued again{start}",
            queued_at=from_now(),
            not_before=from_now(delay_seconds),
            **values,
        )


def _release(
    session: Session,
    lease: Lease,
    target: JobStatus,
    outcome: AttemptOutcome,
    message: str,
    **values: Any,
) -> None:
    finished_at = from_now() if target in ENDED else None
    write(
        session,
        lease,
        status=target,
        phase=None,
        owner_token=None,
        lease_until=None,
        finished_at=finished_at,
        **values,
    )
    _write_attempt(session, lease, ended_at=from_now(), outcome=outcome)
    sharing.note_use(session, lease.job_id, lease.attempt)
    told = {"outcome": outcome, "failure_code": values.get("failure_code")}
    data = {name: value for name, value in told.items() if value is not None}
    events.record(session, lease.job_id, lease.attempt, f"job_{target}", message, data)


def _write_attempt(session: Session, lease: Lease, **values: Any) -> None:
    statement = update(Attempt).where(Attempt.job_id == lease.job_id, Attempt.number == lease.attempt)
    session.execute(statement.values(**values))
