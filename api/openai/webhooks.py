"""/v1/webhook_endpoints: who is told of events, as OpenAI has it, and the log of what they were told."""

from typing import Annotated

from fastapi import APIRouter, Body, Query
from starlette.concurrency import run_in_threadpool

from api.guard import Caller, CallerDep
from api.openai.paging import AfterDelivery, AfterEndpoint, Page
from api.openai.webhook_views import (
    DeliveryRead,
    EndpointDeleted,
    EndpointRead,
    EndpointTested,
    EndpointUpdate,
    EndpointWithSecret,
    EventTypeList,
    NewEndpoint,
    Rotation,
    Sample,
)
from store import deliveries, webhooks
from store.clock import now
from store.deliveries import HookEvent
from store.webhook_tables import EventType, WebhookEndpoint

router = APIRouter(prefix="/v1", tags=["webhooks"])

Limit = Annotated[int, Query(ge=1, le=100)]


class EndpointUnreachable(Exception):
    """The endpoint that was to be tested gave no answer."""

    def __init__(self, endpoint: WebhookEndpoint, reason: str) -> None:
        super().__init__(f"webhook endpoint {endpoint.id} at {endpoint.url} gave no answer: {reason}")


@router.get("/webhook_event_types")
def list_webhook_event_types() -> EventTypeList:
    """What endpoints can be told of: OpenAI's three of fine-tuning jobs, then some that OpenAI does not have."""
    return EventTypeList(data=list(EventType))


@router.post("/webhook_endpoints")
async def create_webhook_endpoint(asked: NewEndpoint, caller: CallerDep) -> EndpointWithSecret:
    """Have an address told of events. Its secret, with which it checks who tells, is not shown again."""
    await caller.parts.deliveries.poster.check(asked.url)
    return _with_secret(await run_in_threadpool(_add, caller, asked))


def _add(caller: Caller, asked: NewEndpoint) -> WebhookEndpoint:
    with caller.writing() as session:
        return webhooks.add(session, name=asked.name, url=asked.url, event_types=asked.event_types)


@router.get("/webhook_endpoints")
def list_webhook_endpoints(caller: CallerDep, after: AfterEndpoint = None, limit: Limit = 20) -> Page[EndpointRead]:
    """Endpoints, newest first."""
    with caller.reading() as session:
        found = webhooks.page(session, after=after, limit=limit + 1)
    return Page[EndpointRead].of([EndpointRead.of(one) for one in found], limit)


@router.get("/webhook_endpoints/{endpoint_id}")
def read_webhook_endpoint(endpoint_id: str, caller: CallerDep) -> EndpointRead:
    """One endpoint."""
    with caller.reading() as session:
        return EndpointRead.of(webhooks.get(session, endpoint_id))


@router.post("/webhook_endpoints/{endpoint_id}")
async def update_webhook_endpoint(endpoint_id: str, asked: EndpointUpdate, caller: CallerDep) -> EndpointRead:
    """Change an endpoint, or enable one that was disabled."""
    if asked.url is not None:
        await caller.parts.deliveries.poster.check(asked.url)
    return EndpointRead.of(await run_in_threadpool(_change, caller, endpoint_id, asked))


def _change(caller: Caller, endpoint_id: str, asked: EndpointUpdate) -> WebhookEndpoint:
    with caller.writing() as session:
        return webhooks.change(session, endpoint_id, **asked.model_dump())


@router.delete("/webhook_endpoints/{endpoint_id}")
def delete_webhook_endpoint(endpoint_id: str, caller: CallerDep) -> EndpointDeleted:
    """Forget an endpoint, and what it was told."""
    with caller.writing() as session:
        webhooks.remove(session, endpoint_id)
    return EndpointDeleted(id=endpoint_id)


@router.post("/webhook_endpoints/{endpoint_id}/rotate_secret")
def rotate_webhook_secret(
    endpoint_id: str, caller: CallerDep, asked: Annotated[Rotation | None, Body()] = None
) -> EndpointWithSecret:
    """Give an endpoint a new secret, which is not shown again."""
    with caller.writing() as session:
        keeps_old = asked is not None and asked.keep_old_secret_active_for_24_hours
        return _with_secret(webhooks.rotate_secret(session, endpoint_id, keeps_old=keeps_old))


def _with_secret(endpoint: WebhookEndpoint) -> EndpointWithSecret:
    return EndpointWithSecret.of(endpoint, signing_secret=endpoint.secret)


@router.post("/webhook_endpoints/{endpoint_id}/test")
async def test_webhook_endpoint(endpoint_id: str, asked: Sample, caller: CallerDep) -> EndpointTested:
    """Tell an endpoint of something that has not happened, now and once, and answer with what it answered."""
    endpoint, secrets, event = await run_in_threadpool(_sample, caller, endpoint_id, asked.event_type)
    attempt = await caller.parts.deliveries.poster.post(endpoint.url, secrets, event)
    if attempt.status_code is None:
        raise EndpointUnreachable(endpoint, attempt.error or "")
    return EndpointTested(webhook_endpoint_id=endpoint.id, event_type=asked.event_type, status_code=attempt.status_code)


def _sample(
    caller: Caller, endpoint_id: str, event_type: EventType
) -> tuple[WebhookEndpoint, tuple[str, ...], HookEvent]:
    with caller.reading() as session:
        endpoint = webhooks.get(session, endpoint_id)
        return endpoint, webhooks.secrets_of(endpoint, now(session)), HookEvent.sample(session, event_type)


@router.get("/webhook_endpoints/{endpoint_id}/deliveries")
def list_webhook_deliveries(
    endpoint_id: str, caller: CallerDep, after: AfterDelivery = None, limit: Limit = 20
) -> Page[DeliveryRead]:
    """What an endpoint was told in the last 30 days, or is still to be told, newest first."""
    with caller.reading() as session:
        found = deliveries.page(session, endpoint_id, after=after, limit=limit + 1)
    return Page[DeliveryRead].of([DeliveryRead.of(one) for one in found], limit)


@router.post("/webhook_endpoints/{endpoint_id}/deliveries/{delivery_id}/retry")
def retry_webhook_delivery(endpoint_id: str, delivery_id: str, caller: CallerDep) -> DeliveryRead:
    """Tell an endpoint once more, at once, whether it was told before, is waited for, or was given up."""
    with caller.writing() as session:
        return DeliveryRead.of(deliveries.retry(session, endpoint_id, delivery_id))
