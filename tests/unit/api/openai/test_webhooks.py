"""/v1/webhook_endpoints, as OpenAI's client asks, and the log of deliveries."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from standardwebhooks import Webhook

from store import deliveries, leases
from store.database import Database
from store.webhook_tables import EventType
from store.webhooks import MAX_ENDPOINTS
from tests.patience import until
from tests.unit.api.receiver import Receiver, receiving
from tests.unit.hooked import add_endpoint, add_project
from tests.unit.queued import claim_submitted
from trainer_core.contract.spec import JobSpec

URL = "https://93.184.216.34/hook"
BODY = {"name": "mine", "url": URL, "event_types": ["fine_tuning.job.succeeded"]}
PATH = "/v1/webhook_endpoints"
# What handlers ask of the store is tested with every database there.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator lets webhooks reach loopback; comes before the service is made."""
    monkeypatch.setenv("TUNEYARD_WEBHOOK_PRIVATE_HOSTS", "127.0.0.1, hooks.internal")


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was refused is due again long after a test."""
    monkeypatch.setattr(deliveries, "TRIED_AFTER", (timedelta(hours=1),))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def created(client: TestClient) -> Any:
    return client.post(PATH, json=BODY).json()


@pytest.fixture
def listening(client: TestClient, receiver: Receiver) -> Any:
    """An endpoint that somebody listens at."""
    return client.post(PATH, json=BODY | {"url": f"{receiver.url}/hook"}).json()


@pytest.fixture
def end_job(database: Database, spec: JobSpec) -> Callable[[], str]:
    def end() -> str:
        lease = claim_submitted(database, spec)
        with database.writing() as session:
            leases.succeed(session, lease)
        return lease.job_id

    return end


def attempted(client: TestClient, endpoint: Any, num_attempts: int) -> Any:
    """The newest delivery, once it was attempted so often; asked for until it was."""

    def newest() -> Any:
        delivery = client.get(f"{PATH}/{endpoint['id']}/deliveries").json()["data"][0]
        return delivery if len(delivery["attempts"]) == num_attempts else None

    return until(newest)


def test_an_endpoint_is_answered_with_its_secret_once(client: TestClient, created: Any) -> None:
    secret = created.pop("signing_secret")

    assert secret.startswith("whsec_")
    assert created == client.get(f"{PATH}/{created['id']}").json()
    assert created == {
        "id": created["id"],
        "object": "webhook_endpoint",
        **BODY,
        "signing_secret_hint": f"whsec_...{secret[-4:]}",
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
        "enabled": True,
        "disabled_reason": None,
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.216.34/",
        "https://user:word@93.184.216.34/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/",
        "https://192.168.0.1:8443/",
        "file:///etc/passwd",
        "nowhere",
    ],
)
def test_an_address_that_is_not_public_is_refused_when_it_is_given(client: TestClient, created: Any, url: str) -> None:
    answers = [client.post(PATH, json=BODY | {"url": url}), client.post(f"{PATH}/{created['id']}", json={"url": url})]

    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in answers] == [(400, "invalid_url")] * 2
    assert client.get(f"{PATH}/{created['id']}").json()["url"] == URL


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"url": ""},
        {"event_types": []},
        {"event_types": ["batch.completed"]},
        {"event_types": ["fine_tuning.job.failed"] * 2},
        {"colour": "red"},
    ],
)
def test_what_is_not_an_endpoint_is_refused(client: TestClient, created: Any, change: dict[str, Any]) -> None:
    answers = [client.post(PATH, json=BODY | change), client.post(f"{PATH}/{created['id']}", json=change)]

    assert {answer.status_code for answer in answers} == {400}


def test_an_endpoint_is_changed_in_parts(client: TestClient, created: Any) -> None:
    changed = client.post(f"{PATH}/{created['id']}", json={"event_types": ["fine_tuning.job.failed"]}).json()

    assert (changed["name"], changed["event_types"]) == ("mine", ["fine_tuning.job.failed"])


def test_an_endpoint_can_be_disabled_and_enabled(client: TestClient, created: Any) -> None:
    path = f"{PATH}/{created['id']}"

    told = [client.post(path, json={"enabled": enabled}).json() for enabled in (False, True)]

    reasons = [(one["enabled"], one["disabled_reason"]) for one in told]
    assert reasons == [(False, "its owner disabled it"), (True, None)]


def test_an_endpoint_that_was_deleted_is_not_there(client: TestClient, created: Any) -> None:
    path = f"{PATH}/{created['id']}"

    assert client.delete(path).json() == {"id": created["id"], "object": "webhook_endpoint.deleted", "deleted": True}
    assert client.delete(path).json()["error"]["code"] == "webhook_endpoint_not_found"


def test_pages_say_where_they_end(client: TestClient, created: Any) -> None:
    second = client.post(PATH, json=BODY).json()

    first_page = client.get(PATH, params={"limit": 1}).json()
    second_page = client.get(PATH, params={"limit": 1, "after": first_page["last_id"]}).json()

    assert [one["id"] for one in (*first_page["data"], *second_page["data"])] == [second["id"], created["id"]]
    assert (first_page["object"], first_page["first_id"]) == ("list", second["id"])
    assert (first_page["has_more"], second_page["has_more"]) == (True, False)


def test_a_project_has_only_so_many_endpoints(client: TestClient) -> None:
    answers = [client.post(PATH, json=BODY) for _ in range(MAX_ENDPOINTS + 1)]

    assert [answer.status_code for answer in answers] == [200] * MAX_ENDPOINTS + [400]
    assert answers[-1].json()["error"]["code"] == "too_many_webhook_endpoints"


def test_the_types_of_events_begin_with_those_of_openai(client: TestClient) -> None:
    told = client.get("/v1/webhook_event_types").json()

    assert told == {"object": "list", "data": [str(one) for one in EventType]}
    assert told["data"][:3] == [f"fine_tuning.job.{end}" for end in ("succeeded", "failed", "cancelled")]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("POST", "", {"name": "x"}),
        ("DELETE", "", None),
        ("POST", "/rotate_secret", {}),
        ("POST", "/test", {"event_type": "fine_tuning.job.failed"}),
        ("GET", "/deliveries", None),
        ("POST", "/deliveries/whd_1/retry", None),
    ],
)
def test_an_endpoint_of_another_project_is_not_there(
    client: TestClient, database: Database, method: str, path: str, body: object
) -> None:
    other = add_endpoint(database, project_id=add_project(database))

    answer = client.request(method, f"{PATH}/{other.id}{path}", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "webhook_endpoint_not_found")
    assert client.get(PATH).json()["data"] == []


def test_a_test_tells_of_something_that_has_not_happened(
    client: TestClient, listening: Any, receiver: Receiver
) -> None:
    receiver.statuses["/hook"] = [418]

    answer = client.post(f"{PATH}/{listening['id']}/test", json={"event_type": "fine_tuning.job.failed"}).json()

    assert answer == {
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": listening["id"],
        "event_type": "fine_tuning.job.failed",
        "status_code": 418,
        "success": True,
    }
    [told] = receiver.told
    event = Webhook(listening["signing_secret"]).verify(told.body, told.headers)
    assert (event["type"], event["data"]) == ("fine_tuning.job.failed", {"id": "ftjob-sample"})


def test_a_test_that_nobody_answers_says_so(client: TestClient) -> None:
    nobody = client.post(PATH, json=BODY | {"url": "http://127.0.0.1:1/"}).json()

    answer = client.post(f"{PATH}/{nobody['id']}/test", json={"event_type": "fine_tuning.job.failed"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "webhook_endpoint_unreachable")


@pytest.mark.parametrize("keeps_old", [True, False])
def test_a_secret_that_is_replaced_signs_on_only_where_that_is_asked_for(
    client: TestClient, listening: Any, receiver: Receiver, *, keeps_old: bool
) -> None:
    body = {"keep_old_secret_active_for_24_hours": True} if keeps_old else None

    rotated = client.post(f"{PATH}/{listening['id']}/rotate_secret", json=body).json()

    client.post(f"{PATH}/{listening['id']}/test", json={"event_type": "fine_tuning.job.failed"})
    [told] = receiver.told
    assert Webhook(rotated["signing_secret"]).verify(told.body, told.headers)
    assert len(told.headers["webhook-signature"].split()) == 1 + keeps_old


def test_what_was_told_stands_in_the_log(
    client: TestClient, listening: Any, receiver: Receiver, end_job: Callable[[], str]
) -> None:
    job_id = end_job()

    told = attempted(client, listening, 1)

    assert told == {
        "id": told["id"],
        "object": "webhook_endpoint.delivery",
        "webhook_endpoint_id": listening["id"],
        "event_id": receiver.told[0].headers["webhook-id"],
        "event_type": "fine_tuning.job.succeeded",
        "fine_tuning_job_id": job_id,
        "status": "delivered",
        "attempts": [told["attempts"][0]],
        "next_attempt_at": None,
        "created_at": told["created_at"],
        "finished_at": told["finished_at"],
    }
    assert told["attempts"][0].keys() == {"created_at", "status_code", "error", "duration_ms"}
    assert (told["attempts"][0]["status_code"], told["attempts"][0]["error"]) == (200, None)


def test_what_was_refused_is_told_by_hand_at_once(
    client: TestClient, listening: Any, receiver: Receiver, end_job: Callable[[], str]
) -> None:
    receiver.statuses["/hook"] = [500]
    end_job()
    refused = attempted(client, listening, 1)

    client.post(f"{PATH}/{listening['id']}/deliveries/{refused['id']}/retry")

    taken = attempted(client, listening, 2)
    assert [one["status_code"] for one in taken["attempts"]] == [500, 200]
    assert (refused["status"], taken["status"]) == ("pending", "delivered")
    first, second = receiver.told
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_a_delivery_that_is_not_there_is_not_retried(client: TestClient, created: Any) -> None:
    answer = client.post(f"{PATH}/{created['id']}/deliveries/whd_1/retry")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "webhook_delivery_not_found")
