"""What an endpoint is sent, and what of its answer counts."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from api import posting
from api.egress import AddressRefused, Egress
from api.posting import Poster
from store.deliveries import HookEvent
from store.webhook_tables import DeliveryAttempt, EventType
from tests.unit.api.receiver import Receiver, receiving

SECRET = "whsec_RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c="
OTHER_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT = HookEvent("evt_1", EventType.SUCCEEDED, datetime(2026, 11, 28, tzinfo=UTC), "ftjob-1")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def post(url: str, *secrets: str) -> DeliveryAttempt:
    poster = Poster(Egress(private_hosts=frozenset({"127.0.0.1"})))
    return asyncio.run(poster.post(url, secrets or (SECRET,), EVENT))


def test_what_is_told_is_small_and_the_same_each_time(receiver: Receiver) -> None:
    post(receiver.url)
    post(receiver.url)

    first, second = receiver.told
    assert first.body == second.body
    assert json.loads(first.body) == {
        "id": "evt_1",
        "object": "event",
        "created_at": int(EVENT.created_at.timestamp()),
        "type": "fine_tuning.job.succeeded",
        "data": {"id": "ftjob-1"},
    }
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "evt_1"


def test_the_signature_is_that_which_the_client_of_openai_checks() -> None:
    # Both were made with openai 3.57: `client.webhooks.unwrap` takes them, at that time.
    at, signature = datetime.fromtimestamp(1_750_861_210, UTC), "v1,TqBlvh0hP/qYZ4sAHH0KZloRLa6XcNiRf7u+1pr1xFk="

    headers = posting.signed("wh_1", '{"id": "evt_1"}', at, (SECRET,))

    assert headers == {"webhook-id": "wh_1", "webhook-timestamp": "1750861210", "webhook-signature": signature}


@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
def test_each_secret_signs(receiver: Receiver, secret: str) -> None:
    post(receiver.url, SECRET, OTHER_SECRET)

    [told] = receiver.told
    assert Webhook(secret).verify(told.body, told.headers)["id"] == "evt_1"


def test_another_secret_does_not_sign(receiver: Receiver) -> None:
    post(receiver.url, SECRET)

    [told] = receiver.told
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER_SECRET).verify(told.body, told.headers)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_every_success_counts(receiver: Receiver, status: int) -> None:
    receiver.statuses["/"] = [status]

    attempt = post(f"{receiver.url}/")

    assert (attempt.status_code, attempt.error) == (status, None)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 410, 429, 500, 503])
def test_nothing_else_counts_and_no_redirect_is_followed(receiver: Receiver, status: int) -> None:
    receiver.statuses["/"] = [status]
    receiver.headers["Location"] = f"{receiver.url}/elsewhere"

    attempt = post(f"{receiver.url}/")

    assert (attempt.status_code, attempt.error) == (status, f"it answered {status}")
    assert [told.path for told in receiver.told] == ["/"]


def test_an_endpoint_that_takes_too_long_has_not_answered(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "MAX_SECONDS", 0.2)

    attempt = post(f"{receiver.url}/hang")

    assert (attempt.status_code, attempt.error) == (None, "no answer within 0.2 s")


def test_what_an_answer_holds_is_not_waited_for(receiver: Receiver) -> None:
    receiver.headers["Content-Length"] = str(1 << 40)  # of which nothing ever comes

    assert post(receiver.url).error is None


def test_an_endpoint_that_is_not_there_is_told_of_as_it_is() -> None:
    attempt = post("http://127.0.0.1:1/")

    assert attempt.status_code is None
    assert attempt.error


def test_what_has_become_private_is_not_asked() -> None:
    attempt = post("https://10.0.0.1/")

    assert (attempt.status_code, attempt.error) == (None, "10.0.0.1 is not a public address")


def test_no_proxy_of_the_environment_is_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert post(receiver.url).error is None


@pytest.mark.parametrize(
    "url", ["https://hooks.invalid/", "https://[::1/", "https://h:99999/", "not an address", "https://\udcff/", ""]
)
def test_an_address_that_leads_nowhere_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        asyncio.run(Poster(Egress()).check(url))
