"""Events on their way to endpoints, over real HTTP, while jobs end, processes die and databases go away."""

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from api import delivery, posting
from api.delivery import Deliveries
from api.egress import Egress
from api.posting import Poster
from store import deliveries, leases
from store.database import Database
from store.webhook_tables import DeliveryStatus, WebhookDelivery
from tests.patience import PATIENCE_SECONDS, until
from tests.unit.api.receiver import Receiver, receiving
from tests.unit.api.test_egress import Names
from tests.unit.hooked import add_endpoint, pass_time, told
from tests.unit.outage import outage
from tests.unit.queued import claim_submitted
from trainer_core.contract.spec import JobSpec

AGAIN_AFTER = timedelta(hours=1)
"""When what was refused is due again."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for seconds cuts nothing off, and makes nothing due."""
    monkeypatch.setattr(posting, "MAX_SECONDS", 2 * PATIENCE_SECONDS)
    monkeypatch.setattr(delivery, "CLAIM_SECONDS", 4 * PATIENCE_SECONDS)
    monkeypatch.setattr(delivery, "_LEAVE_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(deliveries, "TRIED_AFTER", (AGAIN_AFTER,))


def process(database: Database) -> Deliveries:
    """Deliveries as one process of the service makes them."""
    return Deliveries(database, Poster(Egress(private_hosts=frozenset({"127.0.0.1"}))))


def deliver(database: Database, receiver: Receiver, num_told: int, num_processes: int = 1) -> None:
    """Run processes until so many requests have come in all, and what came of them is written."""

    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(num_processes):
                tasks.create_task(run_one())

    async def run_one() -> None:
        async with process(database).running():
            await asyncio.to_thread(receiver.wait_for, num_told)

    asyncio.run(run())


def end_job(database: Database, spec: JobSpec) -> str:
    """A job that has succeeded; its id."""
    lease = claim_submitted(database, spec)
    with database.writing() as session:
        leases.succeed(session, lease)
    return lease.job_id


def codes(one: WebhookDelivery) -> list[int | None]:
    return [attempt.status_code for attempt in one.attempts]


def test_the_end_of_a_job_is_told_signed(database: Database, receiver: Receiver, spec: JobSpec) -> None:
    endpoint = add_endpoint(database, f"{receiver.url}/hook")
    job_id = end_job(database, spec)

    deliver(database, receiver, 1)

    [request], [kept] = receiver.told, told(database)
    event = Webhook(endpoint.secret).verify(request.body, request.headers)
    assert (event["type"], event["data"]) == ("fine_tuning.job.succeeded", {"id": job_id})
    assert event["id"] == request.headers["webhook-id"] == kept.event_id
    assert (kept.status, codes(kept)) == (DeliveryStatus.DELIVERED, [200])


def test_what_was_refused_is_told_again_as_the_same_event(
    database: Database, receiver: Receiver, spec: JobSpec
) -> None:
    add_endpoint(database, f"{receiver.url}/hook")
    receiver.statuses["/hook"] = [500, 204]
    end_job(database, spec)

    deliver(database, receiver, 1)
    [refused] = told(database)
    pass_time(database, AGAIN_AFTER)
    deliver(database, receiver, 2)

    first, second = receiver.told
    [taken] = told(database)
    assert (refused.status, codes(refused)) == (DeliveryStatus.PENDING, [500])
    assert (taken.status, codes(taken)) == (DeliveryStatus.DELIVERED, [500, 204])
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == taken.event_id


def test_what_a_process_died_over_is_told_by_another_once_its_claim_has_run_out(
    database: Database, receiver: Receiver, spec: JobSpec
) -> None:
    add_endpoint(database, f"{receiver.url}/hook")
    end_job(database, spec)
    with database.writing() as session:
        [left] = deliveries.claim(session, seconds=delivery.CLAIM_SECONDS, limit=1)
        assert deliveries.claim(session, seconds=delivery.CLAIM_SECONDS, limit=1) == []

    pass_time(database, timedelta(seconds=delivery.CLAIM_SECONDS))
    deliver(database, receiver, 1)

    [request], [kept] = receiver.told, told(database)
    assert request.headers["webhook-id"] == left.event.id
    assert kept.status == DeliveryStatus.DELIVERED


def test_what_is_cut_off_by_the_end_of_the_service_is_left_to_another(
    database: Database, receiver: Receiver, spec: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_LEAVE_SECONDS", 0)
    add_endpoint(database, f"{receiver.url}/hang")
    end_job(database, spec)

    deliver(database, receiver, 1)

    [kept] = told(database)
    assert (kept.status, kept.attempts) == (DeliveryStatus.PENDING, ())
    receiver.may_answer.set()
    pass_time(database, timedelta(seconds=delivery.CLAIM_SECONDS))
    monkeypatch.setattr(delivery, "_LEAVE_SECONDS", PATIENCE_SECONDS)
    deliver(database, receiver, 2)
    assert [one.status for one in told(database)] == [DeliveryStatus.DELIVERED]


def test_processes_beside_each_other_tell_each_event_once(
    database: Database, receiver: Receiver, spec: JobSpec
) -> None:
    for number in range(3):
        add_endpoint(database, f"{receiver.url}/{number}")
    for _ in range(4):
        end_job(database, spec)

    deliver(database, receiver, 12, num_processes=3)

    requests = Counter((request.path, request.headers["webhook-id"]) for request in receiver.told)
    assert (len(requests), set(requests.values())) == (12, {1})
    assert {one.status for one in told(database)} == {DeliveryStatus.DELIVERED}


def test_an_endpoint_that_hangs_holds_up_no_other(
    database: Database, receiver: Receiver, spec: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_LEAVE_SECONDS", 0)
    add_endpoint(database, f"{receiver.url}/hang")
    add_endpoint(database, f"{receiver.url}/hook")
    for _ in range(3):
        end_job(database, spec)

    deliver(database, receiver, 4)

    assert sorted(request.path for request in receiver.told) == ["/hang", "/hook", "/hook", "/hook"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_name_that_was_public_and_is_private_now_is_not_asked(
    database: Database, receiver: Receiver, spec: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    poster = Poster(Egress())
    url = f"https://hooks.example:{receiver.url.rpartition(':')[2]}/"
    monkeypatch.setattr(socket, "getaddrinfo", Names(["93.184.216.34"], ["127.0.0.1"]))
    asyncio.run(poster.check(url))
    add_endpoint(database, url)
    end_job(database, spec)
    with database.writing() as session:
        [claim] = deliveries.claim(session, seconds=60, limit=1)

    attempt = asyncio.run(poster.post(claim.url, claim.secrets, claim.event))

    assert (attempt.status_code, attempt.error) == (None, "hooks.example is not a public address")
    assert receiver.told == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_deliveries_wait_for_a_database_that_has_gone(
    database: Database,
    receiver: Receiver,
    spec: JobSpec,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(delivery, "_AGAIN_SECONDS", 0.1)
    add_endpoint(database, f"{receiver.url}/hook")
    end_job(database, spec)

    async def run() -> None:
        async with process(database).running():
            with outage(database_url):
                await asyncio.to_thread(until, lambda: "deliveries wait for it" in caplog.text)
            await asyncio.to_thread(receiver.wait_for, 1)

    asyncio.run(run())

    assert [one.status for one in told(database)] == [DeliveryStatus.DELIVERED]
