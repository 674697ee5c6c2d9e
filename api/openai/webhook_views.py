"""Webhook endpoints and deliveries as OpenAI's clients write and read them.

What OpenAI does not have stands behind what it has. Times are seconds since 1970.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.openai.paging import Listed
from api.openai.times import seconds, seconds_or_none
from api.views import View
from store.webhook_tables import DeliveryStatus, EventType, WebhookDelivery, WebhookEndpoint

_NUM_SHOWN = 4
"""Characters of a secret."""


def _distinct(event_types: list[EventType]) -> list[EventType]:
    if len(set(event_types)) != len(event_types):
        raise ValueError("names a type twice")
    return event_types


_Name = Annotated[str, Field(min_length=1, max_length=255)]
_Url = Annotated[str, Field(min_length=1, max_length=2048)]
_EventTypes = Annotated[list[EventType], Field(min_length=1), AfterValidator(_distinct)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class NewEndpoint(_Asked):
    """Who is to be told of what."""

    name: _Name
    url: _Url
    """Https, and of the public internet."""
    event_types: _EventTypes


class EndpointUpdate(_Asked):
    """What is to change."""

    name: _Name | None = None
    url: _Url | None = None
    event_types: _EventTypes | None = None
    """All of them."""
    enabled: bool | None = None
    """Whether it is told anything. An endpoint that took nothing for 72 hours, or answered 410, is disabled."""


class Rotation(_Asked):
    """How to replace a secret."""

    keep_old_secret_active_for_24_hours: bool = False
    """Whether the old one signs beside the new one for a day."""


class Sample(_Asked):
    """What a test tells."""

    event_type: EventType


class EventTypeList(View):
    """What endpoints can be told of."""

    object: Literal["list"] = "list"
    data: list[EventType]


class EndpointRead(Listed):
    """An address that is told of events."""

    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    name: str
    url: str
    event_types: tuple[EventType, ...]
    signing_secret_hint: str
    created_at: int
    updated_at: int
    enabled: bool
    disabled_reason: str | None
    """Why it is told nothing."""

    @classmethod
    def of(cls, endpoint: WebhookEndpoint, **more: Any) -> Self:
        """The view of an endpoint's row."""
        return cls(
            id=endpoint.id,
            name=endpoint.name,
            url=endpoint.url,
            event_types=endpoint.event_types,
            signing_secret_hint=f"whsec_...{endpoint.secret[-_NUM_SHOWN:]}",
            created_at=seconds(endpoint.created_at),
            updated_at=seconds(endpoint.updated_at),
            enabled=endpoint.disabled_reason is None,
            disabled_reason=endpoint.disabled_reason,
            **more,
        )


class EndpointWithSecret(EndpointRead):
    """An endpoint, with its secret, which is shown this once."""

    signing_secret: str


class EndpointDeleted(View):
    """What is left of an endpoint."""

    id: str
    object: Literal["webhook_endpoint.deleted"] = "webhook_endpoint.deleted"
    deleted: Literal[True] = True


class EndpointTested(View):
    """What an endpoint answered to a sample."""

    object: Literal["webhook_endpoint.test"] = "webhook_endpoint.test"
    webhook_endpoint_id: str
    event_type: EventType
    status_code: int
    success: Literal[True] = True
    """That there was an answer; which one, the status code says."""


class RequestRead(View):
    """One request to an endpoint."""

    created_at: int
    status_code: int | None
    """Null if there was no answer."""
    error: str | None
    """Why it does not count; null if it does."""
    duration_ms: int


class DeliveryRead(Listed):
    """One event that one endpoint is told."""

    object: Literal["webhook_endpoint.delivery"] = "webhook_endpoint.delivery"
    webhook_endpoint_id: str
    event_id: str
    """What its requests carry as `webhook-id`."""
    event_type: EventType
    fine_tuning_job_id: str
    status: DeliveryStatus
    attempts: list[RequestRead]
    """The newest twenty, oldest first."""
    next_attempt_at: int | None
    created_at: int
    finished_at: int | None

    @classmethod
    def of(cls, delivery: WebhookDelivery) -> Self:
        """The view of a delivery's row."""
        return cls(
            id=delivery.id,
            webhook_endpoint_id=delivery.endpoint_id,
            event_id=delivery.event_id,
            event_type=delivery.event_type,
            fine_tuning_job_id=delivery.job_id,
            status=delivery.status,
            attempts=[
                RequestRead(
                    created_at=seconds(one.at),
                    status_code=one.status_code,
                    error=one.error,
                    duration_ms=round(one.seconds * 1000),
                )
                for one in delivery.attempts
            ],
            next_attempt_at=seconds_or_none(delivery.next_attempt_at),
            created_at=seconds(delivery.created_at),
            finished_at=seconds_or_none(delivery.finished_at),
        )
