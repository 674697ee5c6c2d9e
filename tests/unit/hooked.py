"""Webhook endpoints that are told of events, and time that passes for what they are to be told."""

from datetime import timedelta

from sqlalchemy import select, update

from store import projects, webhooks
from store.database import Database
from store.webhook_tables import EventType, WebhookDelivery, WebhookEndpoint

ENDS = (EventType.SUCCEEDED, EventType.FAILED, EventType.CANCELLED)


def add_endpoint(
    database: Database,
    url: str = "https://93.184.216.34/hook",
    event_types: tuple[EventType, ...] = ENDS,
    project_id: str | None = None,
) -> WebhookEndpoint:
    """An endpoint of a project, by default the one that jobs of tests belong to."""
    with database.writing(project_id) as session:
        return webhooks.add(session, name="tests", url=url, event_types=event_types)


def add_project(database: Database) -> str:
    """Another project; its id."""
    with database.writing() as session:
        return projects.add(session, "other").id


def told(database: Database) -> list[WebhookDelivery]:
    """What endpoints were told, or are still to be, oldest first."""
    with database.reading() as session:
        return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)))


def pass_time(database: Database, passed: timedelta) -> None:
    """Let all that is to be told be older than it is, and whoever holds it hold it for less long."""
    with database.writing() as session:
        for one in session.scalars(select(WebhookDelivery)):
            values = {
                "created_at": one.created_at - passed,
                "claimed_until": one.claimed_until - passed,
                "next_attempt_at": one.next_attempt_at and one.next_attempt_at - passed,
                "finished_at": one.finished_at and one.finished_at - passed,
            }
            session.execute(update(WebhookDelivery).where(WebhookDelivery.id == one.id).values(values))
        for endpoint in session.scalars(select(WebhookEndpoint)):
            touched = {"updated_at": endpoint.updated_at - passed}
            session.execute(update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint.id).values(touched))
