"""How far jobs were told to trackers and to the hub: an outbox whose rows are cursors.

A tracking is written in the transaction of its job. Whoever claims one holds it as long as it follows the job, and
renews the claim; if it dies, another goes on from the place that was taken last. Nothing here can fail a job. Times are
the database's.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, exists, insert, or_, select, update
from sqlalchemy.orm import Session

from store import events, ids
from store.clock import from_now, now
from store.database import owner, touched
from store.lifecycle import ENDED
from store.tables import Event, Job, Metric
from store.tracking_tables import Tracking, TrackingStatus
from trainer_core.contract.integrations import PushToHub, Target
from trainer_core.contract.spec import JobSpec

TRIED_FOR = timedelta(hours=72)
"""How long a target that takes nothing is tried."""
_FIRST_DELAY_SECONDS = 5.0
_LONGEST_DELAY_SECONDS = 3600.0
_MAX_ERROR = 500
"""Characters that are kept of why nothing was taken."""
_HUB = PushToHub.model_fields["type"].default
_HEARD = ("attempt_started", events.EVALUATION)
"""Events that are news to trackers; the end of a job is seen by its status."""
NAMES: Mapping[str, str] = {"tensorboard": "TensorBoard", "mlflow": "MLflow", "wandb": "W&B", _HUB: "the hub"}


class ClaimLost(Exception):
    """Another is at it, or it begins anew: what this one still has to say does not count."""


class IntegrationNotFound(Exception):
    """The job's spec names nobody of this kind."""

    def __init__(self, job_id: str, kind: str) -> None:
        super().__init__(f"job {job_id} is not told to {kind}: its spec does not ask for it")


class IntegrationNotGivenUp(Exception):
    """It is still told, or has been told everything."""

    def __init__(self, job_id: str, kind: str) -> None:
        super().__init__(f"{kind} of job {job_id} was not given up: it is told by itself, or has been told everything")


@dataclass(frozen=True)
class Claim:
    """The right to tell one job to one target, until its time has run out."""

    tracking_id: str
    number: int
    job_id: str
    target: Target
    event_id: int
    metric_id: int
    memory: Mapping[str, Any]


def begin(session: Session, job_id: str, spec: JobSpec) -> None:
    """Write down whom a new job is told to."""
    targets = [*spec.integrations, *([spec.push_to_hub] if spec.push_to_hub else [])]
    rows: list[dict[str, Any]] = [
        {
            "id": ids.tracking_id(),
            "project_id": owner(session),
            "job_id": job_id,
            "kind": target.type,
            "target": target,
            "status": TrackingStatus.FOLLOWING,
            "event_id": 0,
            "metric_id": 0,
            "memory": {},
            "num_failures": 0,
            "next_try_at": from_now(),
            "claimed_until": from_now(),
            "num_claims": 0,
            "created_at": from_now(),
        }
        for target in targets
    ]
    if rows:
        session.execute(insert(Tracking).values(rows))


def reopen(session: Session, job_id: str) -> None:
    """Follow a job that is tried again; whoever follows it still has lost its claim."""
    session.execute(update(Tracking).where(Tracking.job_id == job_id).values(**_afresh()))


def retry(session: Session, job_id: str, kind: str) -> Tracking:
    """Tell a job at once to a target that was given up, and try it for three days anew.

    Where the spec names several of a kind, all that were given up; the first of them is returned.

    Raises:
        IntegrationNotFound: The job is told to nobody of this kind.
        IntegrationNotGivenUp: There is nothing to ask for again.
    """
    attempt = _hold_job(session, job_id)
    given_up = (Tracking.job_id == job_id, Tracking.kind == kind, Tracking.status == TrackingStatus.GIVEN_UP)
    asked = session.scalars(
        update(Tracking)
        .where(*given_up)
        .values(**_afresh(), error=None)
        .returning(Tracking)
        .execution_options(populate_existing=True)
    ).all()
    if not asked:
        is_told = any(one.kind == kind for one in of_job(session, job_id))
        raise (IntegrationNotGivenUp if is_told else IntegrationNotFound)(job_id, kind)
    _record(session, asked[0], attempt, "tracking_retried", f"{NAMES[kind]} is told of the job again, as was asked for")
    return min(asked, key=attrgetter("id"))


def of_job(session: Session, job_id: str) -> Sequence[Tracking]:
    """Whom a job is told to, in the order of its spec."""
    return session.scalars(select(Tracking).where(Tracking.job_id == job_id).order_by(Tracking.id)).all()


def is_anything_due(session: Session, kinds: Collection[str]) -> bool:
    """True if a target of these kinds could be told something now."""
    return session.scalar(select(Tracking.id).where(*_due(kinds)).limit(1)) is not None


def claim(session: Session, kinds: Collection[str], *, seconds: float, limit: int) -> list[Claim]:
    """Take what is due, the oldest first."""
    oldest = select(Tracking.id).where(*_due(kinds)).order_by(Tracking.id).limit(limit)
    claimed = session.scalars(
        update(Tracking)
        .where(Tracking.id.in_(oldest.with_for_update(skip_locked=True)), *_due(kinds))
        .values(claimed_until=from_now(seconds), num_claims=Tracking.num_claims + 1)
        .returning(Tracking)
        .execution_options(populate_existing=True)
    ).all()
    return [
        Claim(one.id, one.num_claims, one.job_id, one.target, one.event_id, one.metric_id, one.memory)
        for one in claimed
    ]


def renew(session: Session, claims: Collection[Claim], seconds: float) -> None:
    """Keep claims for `seconds` from now; those that are lost stay so."""
    for one in claims:
        session.execute(update(Tracking).where(*_held(one)).values(claimed_until=from_now(seconds)))


def tell(
    session: Session, claim: Claim, *, event_id: int, metric_id: int, memory: Mapping[str, Any], url: str | None
) -> None:
    """Write down up to where a job was taken.

    Raises:
        ClaimLost: Another is at it.
    """
    is_first = _tracking(session, claim).event_id == 0 and claim.target.type != _HUB
    attempt = _hold_job(session, claim.job_id) if is_first else 0
    place = {"event_id": event_id, "metric_id": metric_id, "memory": dict(memory), "url": url}
    _write(session, claim, **place, failing_since=None, num_failures=0)
    if is_first:
        where = f": {url}" if url else ""
        message = f"{NAMES[claim.target.type]} follows the job{where}"
        _record(session, claim, attempt, "tracking_started", message, url=url)


def finish(session: Session, claim: Claim) -> None:
    """Write down that all of a job was taken.

    Raises:
        ClaimLost: Another is at it, or the job is tried again.
    """
    _write(session, claim, status=TrackingStatus.TOLD, finished_at=from_now(), claimed_until=from_now())


def finish_push(session: Session, claim: Claim, *, url: str, commit: str) -> None:
    """Write down that a model is on the hub.

    Raises:
        ClaimLost: Another is at it, or the job is tried again.
    """
    attempt = _hold_job(session, claim.job_id)
    taken = {"url": url, "memory": {"commit": commit}, "failing_since": None, "num_failures": 0}
    _write(session, claim, **taken, status=TrackingStatus.TOLD, finished_at=from_now(), claimed_until=from_now())
    message = f"The trained model is on the hub: {url}"
    _record(session, claim, attempt, "pushed_to_hub", message, url=url, commit=commit)


def release(session: Session, claim: Claim) -> None:
    """Let go of what has no news for now; one that is lost already is somebody else's."""
    session.execute(update(Tracking).where(*_held(claim)).values(claimed_until=from_now()))


def fail(session: Session, claim: Claim, error: str) -> None:
    """Let go of what was not taken: it is tried again, later each time, for three days. The job is told once.

    Raises:
        ClaimLost: Another is at it.
    """
    attempt = _hold_job(session, claim.job_id)
    tracking = _tracking(session, claim)
    at = now(session)
    since = tracking.failing_since or at
    is_over = at - since >= TRIED_FOR
    told, was_told = error[:_MAX_ERROR], tracking.error is not None
    delay_seconds = min(_FIRST_DELAY_SECONDS * 2 ** min(tracking.num_failures, 20), _LONGEST_DELAY_SECONDS)
    _write(
        session,
        claim,
        error=told,
        failing_since=since,
        num_failures=tracking.num_failures + 1,
        next_try_at=from_now(delay_seconds),
        claimed_until=from_now(),
        **({"status": TrackingStatus.GIVEN_UP, "finished_at": from_now()} if is_over else {}),
    )
    name = NAMES[claim.target.type]
    if is_over:
        message = f"{name} has taken nothing for {TRIED_FOR.days} days and is given up: {told}"
        _record(session, claim, attempt, "tracking_given_up", message)
    elif not was_told:
        message = f"{name} does not take what the job tells, and is tried again for {TRIED_FOR.days} days: {told}"
        _record(session, claim, attempt, "tracking_failed", message)


def _afresh() -> dict[str, Any]:
    """Of what is told as if it had never failed; whoever is at it has lost it."""
    return {
        "status": TrackingStatus.FOLLOWING,
        "num_claims": Tracking.num_claims + 1,
        "num_failures": 0,
        "failing_since": None,
        "next_try_at": from_now(),
        "claimed_until": from_now(),
        "finished_at": None,
    }


def _tracking(session: Session, claim: Claim) -> Tracking:
    found = session.scalar(select(Tracking).where(*_held(claim)), execution_options={"populate_existing": True})
    if found is None:
        raise ClaimLost(claim.tracking_id)
    return found


def _write(session: Session, claim: Claim, **values: Any) -> None:
    if touched(session, update(Tracking).where(*_held(claim)).values(**values)) != 1:
        raise ClaimLost(claim.tracking_id)


def _hold_job(session: Session, job_id: str) -> int:
    """Hold the job's row, as whoever tells an event must, before any other; its attempt."""
    attempt = session.scalar(select(Job.attempt).where(Job.id == job_id).with_for_update())
    assert attempt is not None
    return attempt


def _record(session: Session, of: Claim | Tracking, attempt: int, type_: str, message: str, **data: Any) -> None:
    events.record(session, of.job_id, attempt, type_, message, {"target": of.target.type, **data})


def _held(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        Tracking.id == claim.tracking_id,
        Tracking.num_claims == claim.number,
        Tracking.status == TrackingStatus.FOLLOWING,
    )


def _due(kinds: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    return (
        Tracking.status == TrackingStatus.FOLLOWING,
        Tracking.kind.in_(kinds),
        Tracking.next_try_at <= _at(),
        Tracking.claimed_until <= _at(),
        _has_news(),
    )


def _has_news() -> ColumnElement[bool]:
    has_ended = exists().where(Job.id == Tracking.job_id, Job.status.in_(ENDED))
    has_points = exists().where(Metric.job_id == Tracking.job_id, Metric.id > Tracking.metric_id)
    has_events = exists().where(Event.job_id == Tracking.job_id, Event.id > Tracking.event_id, Event.type.in_(_HEARD))
    return or_(has_ended, and_(Tracking.kind != _HUB, or_(has_points, has_events)))


def _at() -> ScalarSelect[datetime]:
    """The time, found once for a statement."""
    return select(from_now()).scalar_subquery()
