"""Webhook endpoints and their secrets."""

import base64

import pytest

from store import webhooks
from store.clock import now
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.webhook_tables import EventType, WebhookEndpoint
from store.webhooks import MAX_ENDPOINTS, TooManyWebhookEndpoints, WebhookEndpointNotFound
from tests.unit.hooked import add_endpoint, add_project


@pytest.fixture
def endpoint(database: Database) -> WebhookEndpoint:
    return add_endpoint(database)


def rotate(database: Database, endpoint: WebhookEndpoint, *, keeps_old: bool) -> WebhookEndpoint:
    with database.writing() as session:
        return webhooks.rotate_secret(session, endpoint.id, keeps_old=keeps_old)


def secrets_of(database: Database, endpoint: WebhookEndpoint) -> tuple[str, ...]:
    with database.reading() as session:
        return webhooks.secrets_of(webhooks.get(session, endpoint.id), now(session))


def test_a_secret_is_a_key_of_192_bits_as_standard_webhooks_writes_it(endpoint: WebhookEndpoint) -> None:
    prefix, _, key = endpoint.secret.partition("_")

    assert (prefix, len(base64.b64decode(key, validate=True))) == ("whsec", 24)


def test_no_two_endpoints_share_a_secret(database: Database, endpoint: WebhookEndpoint) -> None:
    assert add_endpoint(database).secret != endpoint.secret


def test_a_new_secret_signs_alone(database: Database, endpoint: WebhookEndpoint) -> None:
    rotated = rotate(database, endpoint, keeps_old=False)

    assert rotated.secret != endpoint.secret
    assert secrets_of(database, endpoint) == (rotated.secret,)


def test_an_old_secret_that_is_kept_signs_beside_the_new_one(database: Database, endpoint: WebhookEndpoint) -> None:
    rotated = rotate(database, endpoint, keeps_old=True)

    assert secrets_of(database, endpoint) == (rotated.secret, endpoint.secret)


def test_an_old_secret_signs_for_a_day_only(
    database: Database, endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "OLD_SECRET_SECONDS", -1)

    rotated = rotate(database, endpoint, keeps_old=True)

    assert secrets_of(database, endpoint) == (rotated.secret,)


def test_a_secret_that_is_replaced_at_once_lets_none_before_it_sign(
    database: Database, endpoint: WebhookEndpoint
) -> None:
    rotate(database, endpoint, keeps_old=True)
    rotated = rotate(database, endpoint, keeps_old=False)

    assert secrets_of(database, endpoint) == (rotated.secret,)


def test_an_update_that_changes_nothing_is_none(database: Database, endpoint: WebhookEndpoint) -> None:
    with database.writing() as session:
        same = webhooks.change(session, endpoint.id, name=endpoint.name, event_types=endpoint.event_types, enabled=True)

    assert same.updated_at == endpoint.updated_at


def test_types_stand_in_one_order(database: Database) -> None:
    endpoint = add_endpoint(database, event_types=(EventType.PAUSED, EventType.FAILED))

    assert endpoint.event_types == (EventType.FAILED, EventType.PAUSED)


def test_an_endpoint_that_was_disabled_keeps_its_first_reason(database: Database, endpoint: WebhookEndpoint) -> None:
    with database.writing() as session:
        webhooks.disable(session, endpoint.id, "first")
        webhooks.disable(session, endpoint.id, "second")

    with database.reading() as session:
        assert webhooks.get(session, endpoint.id).disabled_reason == "first"


def test_a_project_has_no_more_than_it_may_have(database: Database) -> None:
    for _ in range(MAX_ENDPOINTS):
        add_endpoint(database)

    with pytest.raises(TooManyWebhookEndpoints):
        add_endpoint(database)
    add_endpoint(database, project_id=add_project(database))


@pytest.mark.parametrize("ask", ["get", "remove", "change", "rotate_secret"])
def test_an_endpoint_of_another_project_is_not_there(database: Database, ask: str) -> None:
    other = add_endpoint(database, project_id=add_project(database))
    asked = {"keeps_old": False} if ask == "rotate_secret" else {"name": "mine"} if ask == "change" else {}

    with database.writing(DEFAULT_PROJECT) as session, pytest.raises(WebhookEndpointNotFound):
        getattr(webhooks, ask)(session, other.id, **asked)

    with database.reading() as session:
        unchanged = webhooks.get(session, other.id)
    assert (unchanged.name, unchanged.secret) == (other.name, other.secret)


def test_pages_hold_endpoints_of_the_project_newest_first(database: Database) -> None:
    ids = [add_endpoint(database).id for _ in range(3)]
    add_endpoint(database, project_id=add_project(database))

    with database.reading(DEFAULT_PROJECT) as session:
        first = webhooks.page(session, after=None, limit=2)
        second = webhooks.page(session, after=first[-1].id, limit=2)

    assert [one.id for one in (*first, *second)] == sorted(ids, reverse=True)
