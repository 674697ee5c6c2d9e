"""What webhook endpoints are to be told: written where a job moves, claimed by whoever tells it, and tried again.

A delivery is written in the transaction of its event: there is never one without the other. Whoever claims one holds it
for a while; if it dies, another tells it again, under the same event's id. Times are the database's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, Self

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.orm import Session, aliased

from store import ids, webhooks
from store.clock import from_now, now, once
from store.tables import Job
from store.webhook_tables import DeliveryAttempt, DeliveryStatus, EventType, WebhookDelivery, WebhookEndpoint

_DELAYS_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 73_495)
"""Between one attempt and the next, as Standard Webhooks has them; the last is cut, so that it ends after 72 hours."""
TRIED_AFTER = tuple(timedelta(seconds=seconds) for seconds in accumulate(_DELAYS_SECONDS))
"""When an event that is not taken is told again, from when it happened: attempts by hand change nothing in it."""
_GONE = 410
_KEPT_ATTEMPTS = 20
"""Of a delivery, the newest: one may be tried by hand again and again."""
_KEPT_SECONDS = 30 * 24 * 3600.0

_TOLD: Mapping[str, EventType] = {
    "job_succeeded": EventType.SUCCEEDED,
    "job_failed": EventType.FAILED,
    "job_cancelled": EventType.CANCELLED,
    "job_queued": EventType.QUEUED,
    "attempt_started": EventType.RUNNING,
    "job_paused": EventType.PAUSED,
    "checkpoint_saved": EventType.CHECKPOINT_SAVED,
}
"""Events of a job that endpoints can be told of."""


class DeliveryNotFound(Exception):
    """The endpoint was never to be told this."""

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"the webhook endpoint has no delivery {delivery_id!r}; they are kept for 30 days")


@dataclass(frozen=True)
class HookEvent:
    """What happened."""

    id: str
    type: EventType
    created_at: datetime
    job_id: str

    @classmethod
    def sample(cls, session: Session, type_: EventType) -> Self:
        """One that has not happened, to no job that there is."""
        return cls(ids.webhook_event_id(), type_, now(session), "ftjob-sample")


@dataclass(frozen=True)
class Claim:
    """The right to tell an endpoint of an event, until its time has run out."""

    delivery_id: str
    number: int
    endpoint_id: str
    url: str
    secrets: tuple[str, ...]
    """Each of which signs."""
    event: HookEvent


def announce(session: Session, job_id: str, type_: str) -> None:
    """Write down that the endpoints which ask for it are to be told of a job's event."""
    event_type = _TOLD.get(type_)
    if event_type is None:
        return
    project_id = select(Job.project_id).where(Job.id == job_id).scalar_subquery()
    is_told = (WebhookEndpoint.project_id == project_id, WebhookEndpoint.disabled_reason.is_(None))
    # Their rows are held until the commit, so that none can be deleted under what is written here.
    endpoints = session.scalars(select(WebhookEndpoint).where(*is_told).with_for_update(read=True, key_share=True))
    event_id = ids.webhook_event_id()
    rows = [
        {
            "id": ids.webhook_delivery_id(),
            "project_id": endpoint.project_id,
            "endpoint_id": endpoint.id,
            "event_id": event_id,
            "event_type": event_type,
            "job_id": job_id,
            "status": DeliveryStatus.PENDING,
            "attempts": (),
            "next_attempt_at": from_now(),
            "claimed_until": from_now(),
            "num_claims": 0,
            "created_at": from_now(),
        }
        for endpoint in endpoints
        if event_type in endpoint.event_types
    ]
    if rows:
        session.execute(insert(WebhookDelivery).values(rows))


def is_anything_due(session: Session) -> bool:
    """True if an endpoint could be told something now."""
    return session.scalar(select(WebhookDelivery.id).where(*_due()).limit(1)) is not None


def claim(session: Session, *, seconds: float, limit: int) -> list[Claim]:
    """Take what is due, the oldest first, and of each endpoint one at a time: one that hangs holds up no other."""
    other = aliased(WebhookDelivery)
    busy = select(other.endpoint_id).where(other.status == DeliveryStatus.PENDING, other.claimed_until > once())
    oldest = (
        select(func.min(WebhookDelivery.id))
        .where(*_due(), WebhookDelivery.endpoint_id.not_in(busy))
        .group_by(WebhookDelivery.endpoint_id)
        .order_by(func.min(WebhookDelivery.id))
        .limit(limit)
    )
    claimed = session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id.in_(oldest), *_due())
        .values(claimed_until=from_now(seconds), num_claims=WebhookDelivery.num_claims + 1)
        .returning(WebhookDelivery.id)
        .execution_options(synchronize_session=False)
    )
    return _claims(session, claimed.scalars().all())


def _claims(session: Session, delivery_ids: Sequence[str]) -> list[Claim]:
    rows = session.execute(
        select(WebhookDelivery, WebhookEndpoint)
        .join(WebhookEndpoint, WebhookDelivery.endpoint_id == WebhookEndpoint.id)
        .where(WebhookDelivery.id.in_(delivery_ids))
        .order_by(WebhookDelivery.id)
        .execution_options(populate_existing=True)
    )
    at = now(session)
    return [
        Claim(
            delivery_id=delivery.id,
            number=delivery.num_claims,
            endpoint_id=endpoint.id,
            url=endpoint.url,
            secrets=webhooks.secrets_of(endpoint, at),
            event=HookEvent(delivery.event_id, delivery.event_type, delivery.created_at, delivery.job_id),
        )
        for delivery, endpoint in rows
    ]


def settle(session: Session, claim: Claim, attempt: DeliveryAttempt) -> None:
    """Write down what came of an attempt, and when the next is due, unless somebody else has taken the delivery."""
    # The endpoint before what it is told, as whoever deletes it takes them.
    of_claim = WebhookEndpoint.id == claim.endpoint_id
    endpoint = session.scalar(select(WebhookEndpoint).where(of_claim).with_for_update(key_share=True))
    held = (WebhookDelivery.id == claim.delivery_id, WebhookDelivery.num_claims == claim.number)
    delivery = session.scalar(select(WebhookDelivery).where(*held))
    if endpoint is None or delivery is None:
        return
    outcome = _outcome(endpoint, delivery, attempt, now(session))
    attempts = (*delivery.attempts, attempt)[-_KEPT_ATTEMPTS:]
    written = update(WebhookDelivery).where(*held).values(attempts=attempts, claimed_until=from_now(), **outcome)
    session.execute(written)
    if attempt.status_code == _GONE:
        webhooks.disable(session, endpoint.id, "it answered 410 Gone")
    elif outcome["status"] == DeliveryStatus.FAILED and _is_given_up(session, endpoint, delivery):
        webhooks.disable(session, endpoint.id, f"it took nothing for {TRIED_AFTER[-1]}")


def _outcome(
    endpoint: WebhookEndpoint, delivery: WebhookDelivery, attempt: DeliveryAttempt, at: datetime
) -> dict[str, Any]:
    if attempt.error is None:
        return {"status": DeliveryStatus.DELIVERED, "next_attempt_at": None, "finished_at": from_now()}
    times = (delivery.created_at + after for after in TRIED_AFTER)
    next_at = next((one for one in times if one > at), None)
    is_told = endpoint.disabled_reason is None and attempt.status_code != _GONE
    if next_at is None or not is_told:
        return {"status": DeliveryStatus.FAILED, "next_attempt_at": None, "finished_at": from_now()}
    return {"status": DeliveryStatus.PENDING, "next_attempt_at": next_at}


def _is_given_up(session: Session, endpoint: WebhookEndpoint, delivery: WebhookDelivery) -> bool:
    """True if an endpoint has taken nothing since a delivery began, and nobody has changed it since."""
    told = (WebhookDelivery.endpoint_id == endpoint.id, WebhookDelivery.finished_at > delivery.created_at)
    taken = select(WebhookDelivery.id).where(*told, WebhookDelivery.status == DeliveryStatus.DELIVERED)
    return endpoint.updated_at <= delivery.created_at and session.scalar(taken.limit(1)) is None


def page(session: Session, endpoint_id: str, *, after: str | None, limit: int) -> Sequence[WebhookDelivery]:
    """What an endpoint was told before the delivery `after`, newest first.

    Raises:
        WebhookEndpointNotFound: There is no such endpoint.
    """
    webhooks.get(session, endpoint_id)
    statement = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
    if after is not None:
        statement = statement.where(WebhookDelivery.id < after)
    return session.scalars(statement.order_by(WebhookDelivery.id.desc()).limit(limit)).all()


def retry(session: Session, endpoint_id: str, delivery_id: str) -> WebhookDelivery:
    """Have an endpoint told once more, now; one that was given up is given up again if that comes to nothing.

    Raises:
        WebhookEndpointNotFound: There is no such endpoint.
        DeliveryNotFound: It was never to be told this.
        WebhookEndpointDisabled: It is told nothing.
    """
    endpoint = webhooks.get(session, endpoint_id)
    if endpoint.disabled_reason is not None:
        raise webhooks.WebhookEndpointDisabled(endpoint)
    there = (WebhookDelivery.id == delivery_id, WebhookDelivery.endpoint_id == endpoint_id)
    again = {"status": DeliveryStatus.PENDING, "next_attempt_at": from_now(), "finished_at": None}
    session.execute(update(WebhookDelivery).where(*there).values(again))
    delivery = session.scalar(select(WebhookDelivery).where(*there), execution_options={"populate_existing": True})
    if delivery is None:
        raise DeliveryNotFound(delivery_id)
    return delivery


def forget_old(session: Session) -> None:
    """Delete what was to be told so long ago that nobody asks for it."""
    session.execute(delete(WebhookDelivery).where(WebhookDelivery.created_at < once(-_KEPT_SECONDS)))


def _due() -> tuple[ColumnElement[bool], ...]:
    return (
        WebhookDelivery.status == DeliveryStatus.PENDING,
        WebhookDelivery.next_attempt_at <= once(),
        WebhookDelivery.claimed_until <= once(),
    )
