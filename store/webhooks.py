"""Webhook endpoints: addresses that are told of a project's events, and the secrets that sign what they are told.

A secret is kept as it is, for a digest could not sign: whoever reads the database can sign in the service's name.
"""

import base64
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Update, delete, func, insert, select, update
from sqlalchemy.orm import Session

from store import ids, projects
from store.clock import from_now
from store.database import owner, touched
from store.webhook_tables import DeliveryStatus, EventType, WebhookDelivery, WebhookEndpoint

MAX_ENDPOINTS = 20
"""Of a project."""
OLD_SECRET_SECONDS = 24 * 3600.0
"""How long a secret that was replaced may still sign beside the new one."""
_SECRET_BYTES = 24
_BY_OWNER = "its owner disabled it"


class WebhookEndpointNotFound(Exception):
    """No webhook endpoint has this id."""

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"no webhook endpoint has the id {endpoint_id!r}")


class TooManyWebhookEndpoints(Exception):
    """The project has as many as it may have."""

    def __init__(self) -> None:
        super().__init__(f"the project has {MAX_ENDPOINTS} webhook endpoints, which is the most; delete one first")


class WebhookEndpointDisabled(Exception):
    """The endpoint is told nothing."""

    def __init__(self, endpoint: WebhookEndpoint) -> None:
        super().__init__(
            f"webhook endpoint {endpoint.id} is disabled ({endpoint.disabled_reason}): enable it first, by an update "
            "with `enabled: true`"
        )


def add(session: Session, *, name: str, url: str, event_types: Collection[EventType]) -> WebhookEndpoint:
    """A new endpoint, with a secret of its own.

    Raises:
        TooManyWebhookEndpoints: The project may have no more.
    """
    project_id = owner(session)
    projects.hold(session, project_id)
    there = select(func.count()).select_from(WebhookEndpoint).where(WebhookEndpoint.project_id == project_id)
    if session.execute(there).scalar_one() >= MAX_ENDPOINTS:
        raise TooManyWebhookEndpoints
    endpoint_id = ids.webhook_endpoint_id()
    session.execute(
        insert(WebhookEndpoint).values(
            id=endpoint_id,
            project_id=project_id,
            name=name,
            url=url,
            event_types=_in_order(event_types),
            secret=_new_secret(),
            created_at=from_now(),
            updated_at=from_now(),
        )
    )
    return get(session, endpoint_id)


def get(session: Session, endpoint_id: str) -> WebhookEndpoint:
    """The endpoint with this id, as it is now.

    Raises:
        WebhookEndpointNotFound: There is none.
    """
    endpoint = session.get(WebhookEndpoint, endpoint_id, populate_existing=True)
    if endpoint is None:
        raise WebhookEndpointNotFound(endpoint_id)
    return endpoint


def page(session: Session, *, after: str | None, limit: int) -> Sequence[WebhookEndpoint]:
    """Endpoints older than the one `after`, newest first."""
    statement = select(WebhookEndpoint).where(WebhookEndpoint.project_id == owner(session))
    if after is not None:
        statement = statement.where(WebhookEndpoint.id < after)
    return session.scalars(statement.order_by(WebhookEndpoint.id.desc()).limit(limit)).all()


def change(
    session: Session,
    endpoint_id: str,
    *,
    name: str | None = None,
    url: str | None = None,
    event_types: Collection[EventType] | None = None,
    enabled: bool | None = None,
) -> WebhookEndpoint:
    """Give an endpoint another name, address or set of types, or have it told nothing, or something again.

    Raises:
        WebhookEndpointNotFound: There is none with this id.
    """
    endpoint = get(session, endpoint_id)
    asked = {"name": name, "url": url, "event_types": None if event_types is None else _in_order(event_types)}
    values: dict[str, object] = {
        key: value for key, value in asked.items() if value is not None and value != getattr(endpoint, key)
    }
    if enabled and endpoint.disabled_reason is not None:
        values["disabled_reason"] = None
    if values:
        session.execute(_change(endpoint_id).values(**values, updated_at=from_now()))
    if enabled is False:
        disable(session, endpoint_id, _BY_OWNER)
    return get(session, endpoint_id)


def rotate_secret(session: Session, endpoint_id: str, *, keeps_old: bool) -> WebhookEndpoint:
    """Give an endpoint a new secret; the old one signs beside it for a day, or never again.

    Raises:
        WebhookEndpointNotFound: There is none with this id.
    """
    old = {"old_secret": WebhookEndpoint.secret, "old_secret_until": from_now(OLD_SECRET_SECONDS)}
    gone = {"old_secret": None, "old_secret_until": None}
    values = {**(old if keeps_old else gone), "secret": _new_secret(), "updated_at": from_now()}
    session.execute(_change(endpoint_id).values(values))
    return get(session, endpoint_id)


def disable(session: Session, endpoint_id: str, reason: str) -> None:
    """Tell an endpoint nothing any more; what it was still to be told is given up. One that is disabled stays so."""
    is_told = _change(endpoint_id).where(WebhookEndpoint.disabled_reason.is_(None))
    if touched(session, is_told.values(disabled_reason=reason, updated_at=from_now())) == 1:
        untold = (WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.status == DeliveryStatus.PENDING)
        given_up = {"status": DeliveryStatus.FAILED, "next_attempt_at": None, "finished_at": from_now()}
        session.execute(update(WebhookDelivery).where(*untold).values(**given_up))


def remove(session: Session, endpoint_id: str) -> None:
    """Forget an endpoint, with all that was told to it.

    Raises:
        WebhookEndpointNotFound: There is none with this id.
    """
    get(session, endpoint_id)
    session.execute(delete(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id))


def secrets_of(endpoint: WebhookEndpoint, now: datetime) -> tuple[str, ...]:
    """The secrets that sign what an endpoint is told at a time of the database's clock, the newest first."""
    is_old_good = endpoint.old_secret_until is not None and endpoint.old_secret_until > now
    old = endpoint.old_secret if is_old_good else None
    return (endpoint.secret, *([old] if old else []))


def _change(endpoint_id: str) -> Update:
    return update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id)


def _in_order(event_types: Collection[EventType]) -> tuple[EventType, ...]:
    return tuple(one for one in EventType if one in event_types)


def _new_secret() -> str:
    """As Standard Webhooks writes one: its base64 is the key."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"
