"""What endpoints are to be told, and how it is kept until it is told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from store import deliveries, events, inspections, jobs, leases, webhooks
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.deliveries import TRIED_AFTER, Claim, DeliveryNotFound
from store.leases import MAX_INFRA_FAILURES, Failure, Lease
from store.webhook_tables import DeliveryAttempt, DeliveryStatus, EventType, WebhookDelivery, WebhookEndpoint
from store.webhooks import WebhookEndpointDisabled
from tests.unit.hooked import add_endpoint, add_project, pass_time, told
from tests.unit.queued import claim_submitted, pass_inspection, submit_queued
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.report import JobReport, Problem
from trainer_core.contract.spec import JobSpec

REFUSAL = JobReport(is_valid=False, problem=Problem(code=FailureCode.INVALID_SPEC, message="no such part"))
FAILURE = Failure(FailureCode.INVALID_SPEC, "no such part")


@pytest.fixture
def endpoint(database: Database) -> WebhookEndpoint:
    return add_endpoint(database)


@pytest.fixture
def ended(database: Database, endpoint: WebhookEndpoint, spec: JobSpec) -> Lease:  # noqa: ARG001 - it is told
    """The lease of a job that has succeeded."""
    lease = claim_submitted(database, spec)
    end(database, lease)
    return lease


def end(database: Database, lease: Lease) -> None:
    with database.writing() as session:
        leases.succeed(session, lease)


def attempt(status_code: int | None = 200) -> DeliveryAttempt:
    is_taken = status_code == 200
    return DeliveryAttempt(
        at=datetime.now(UTC), status_code=status_code, error=None if is_taken else "it did not", seconds=0.1
    )


def claim(database: Database, seconds: float = 60) -> list[Claim]:
    with database.writing() as session:
        return deliveries.claim(session, seconds=seconds, limit=10)


def settle(database: Database, claim: Claim, status_code: int | None = 200) -> WebhookDelivery:
    with database.writing() as session:
        deliveries.settle(session, claim, attempt(status_code))
    return next(one for one in told(database) if one.id == claim.delivery_id)


def reason(database: Database, endpoint: WebhookEndpoint) -> str | None:
    with database.reading() as session:
        return webhooks.get(session, endpoint.id).disabled_reason


def exhaust(session: Session, lease: Lease) -> None:
    leases.write(session, lease, infra_failures=MAX_INFRA_FAILURES)
    leases.charge(session, lease, "its runner was lost")


def cancel_running(session: Session, lease: Lease) -> None:
    jobs.request_cancel(session, lease.job_id)
    leases.charge(session, lease, "its runner was lost")


ENDS: dict[str, tuple[Callable[[Session, Lease], None], EventType]] = {
    "the worker succeeds": (leases.succeed, EventType.SUCCEEDED),
    "the worker fails": (lambda session, lease: leases.fail(session, lease, FAILURE), EventType.FAILED),
    "the worker cancels": (leases.cancel, EventType.CANCELLED),
    "rescue gives up": (exhaust, EventType.FAILED),
    "rescue cancels": (cancel_running, EventType.CANCELLED),
}


@pytest.mark.parametrize(("move", "event_type"), ENDS.values(), ids=ENDS.keys())
def test_the_end_of_a_running_job_is_told_once(
    database: Database, endpoint: WebhookEndpoint, spec: JobSpec, move: Callable[..., None], event_type: EventType
) -> None:
    lease = claim_submitted(database, spec)

    with database.writing() as session:
        move(session, lease)

    assert [(one.endpoint_id, one.event_type, one.job_id) for one in told(database)] == [
        (endpoint.id, event_type, lease.job_id)
    ]


@pytest.mark.usefixtures("endpoint")
def test_a_job_that_is_cancelled_while_it_waits_is_told(database: Database, spec: JobSpec) -> None:
    with database.writing(DEFAULT_PROJECT) as session:
        jobs.request_cancel(session, submit_queued(session, spec).id)

    assert [one.event_type for one in told(database)] == [EventType.CANCELLED]


@pytest.mark.usefixtures("endpoint")
def test_a_job_that_is_refused_is_told(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        inspections.submit(session, spec)
        pass_inspection(session, REFUSAL)

    assert [one.event_type for one in told(database)] == [EventType.FAILED]


def test_what_is_on_the_way_is_told_to_who_asks_for_it(database: Database, spec: JobSpec) -> None:
    add_endpoint(database, event_types=tuple(EventType))

    lease = claim_submitted(database, spec)
    with database.writing() as session:
        events.record(session, lease.job_id, lease.attempt, "checkpoint_saved", "Step 1", {"step": 1})
        jobs.request_pause(session, lease.job_id)
        leases.give_back(session, lease, "saved")

    assert [one.event_type for one in told(database)] == [
        EventType.QUEUED,
        EventType.RUNNING,
        EventType.CHECKPOINT_SAVED,
        EventType.PAUSED,
    ]


@pytest.mark.usefixtures("endpoint")
def test_a_move_that_is_undone_is_not_told(database: Database, spec: JobSpec) -> None:
    lease = claim_submitted(database, spec)

    def move() -> None:
        with database.writing() as session:
            leases.succeed(session, lease)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        move()

    assert told(database) == []


def test_an_event_has_one_id_wherever_it_is_told(database: Database, ended: Lease, spec: JobSpec) -> None:
    add_endpoint(database)

    end(database, claim_submitted(database, spec))

    ids = [one.event_id for one in told(database)]
    assert (len(ids), len(set(ids))) == (3, 2)
    assert ids[1] == ids[2]
    assert told(database)[0].job_id == ended.job_id


def test_endpoints_of_other_projects_and_disabled_ones_are_not_told(database: Database, spec: JobSpec) -> None:
    add_endpoint(database, project_id=add_project(database))
    disabled = add_endpoint(database)
    with database.writing() as session:
        webhooks.change(session, disabled.id, enabled=False)

    end(database, claim_submitted(database, spec))

    assert told(database) == []


@pytest.mark.usefixtures("ended")
def test_of_two_who_claim_one_gets_it(database: Database) -> None:
    assert [len(claim(database)), len(claim(database))] == [1, 0]


@pytest.mark.usefixtures("ended")
def test_what_a_dead_process_has_claimed_is_claimed_again_as_the_same_event(database: Database) -> None:
    [first] = claim(database)

    pass_time(database, timedelta(seconds=61))
    [second] = claim(database)

    assert (second.event.id, second.number) == (first.event.id, first.number + 1)


@pytest.mark.usefixtures("ended")
def test_a_process_that_comes_back_too_late_writes_nothing(database: Database) -> None:
    [first] = claim(database)
    pass_time(database, timedelta(seconds=61))
    claim(database)

    delivery = settle(database, first)

    assert (delivery.status, delivery.attempts) == (DeliveryStatus.PENDING, ())


@pytest.mark.usefixtures("ended")
def test_an_endpoint_is_told_one_thing_at_a_time_the_oldest_first(database: Database, spec: JobSpec) -> None:
    end(database, claim_submitted(database, spec))
    oldest, newest = told(database)

    [first] = claim(database)
    held = claim(database)
    settle(database, first)
    [second] = claim(database)

    assert (first.delivery_id, held, second.delivery_id) == (oldest.id, [], newest.id)


@pytest.mark.usefixtures("ended")
def test_what_was_taken_is_not_told_again(database: Database) -> None:
    [held] = claim(database)

    delivery = settle(database, held)

    pass_time(database, TRIED_AFTER[-1])
    assert (delivery.status, delivery.next_attempt_at) == (DeliveryStatus.DELIVERED, None)
    assert claim(database) == []


def test_the_schedule_is_that_of_standard_webhooks_and_ends_after_72_hours() -> None:
    seconds = [int(one.total_seconds()) for one in TRIED_AFTER]

    assert seconds[:8] == [5, 305, 2105, 9305, 27305, 63305, 113705, 185705]
    assert seconds[8:] == [72 * 3600]


SLOWLY = tuple(100 * after for after in TRIED_AFTER)
"""The schedule, with no time in it that this machine could let pass by standing still."""


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("passed", "next_at"), [*zip((timedelta(0), *SLOWLY), SLOWLY, strict=False)])
def test_what_was_not_taken_is_told_again_at_the_next_time(
    database: Database, monkeypatch: pytest.MonkeyPatch, passed: timedelta, next_at: timedelta
) -> None:
    monkeypatch.setattr(deliveries, "TRIED_AFTER", SLOWLY)
    pass_time(database, passed)
    [held] = claim(database)

    delivery = settle(database, held, 500)

    assert delivery.next_attempt_at == delivery.created_at + next_at
    assert claim(database) == []
    pass_time(database, next_at - passed)
    assert [one.delivery_id for one in claim(database)] == [delivery.id]


@pytest.mark.usefixtures("ended")
def test_what_was_never_taken_is_given_up_and_its_endpoint_with_it(
    database: Database, endpoint: WebhookEndpoint
) -> None:
    pass_time(database, TRIED_AFTER[-1])
    [held] = claim(database)

    delivery = settle(database, held, None)

    assert (delivery.status, delivery.next_attempt_at) == (DeliveryStatus.FAILED, None)
    assert reason(database, endpoint) == "it took nothing for 3 days, 0:00:00"


@pytest.mark.usefixtures("ended")
def test_an_endpoint_that_has_taken_something_else_is_not_given_up(
    database: Database, endpoint: WebhookEndpoint, spec: JobSpec
) -> None:
    settle(database, claim(database)[0], 500)
    end(database, claim_submitted(database, spec))
    settle(database, claim(database)[0])

    pass_time(database, TRIED_AFTER[-1])
    delivery = settle(database, claim(database)[0], 500)

    assert delivery.status == DeliveryStatus.FAILED
    assert reason(database, endpoint) is None


@pytest.mark.usefixtures("ended")
def test_an_endpoint_that_somebody_has_just_changed_is_not_given_up(
    database: Database, endpoint: WebhookEndpoint
) -> None:
    pass_time(database, TRIED_AFTER[-1])
    with database.writing() as session:
        webhooks.change(session, endpoint.id, url="https://93.184.216.34/other")

    delivery = settle(database, claim(database)[0], 500)

    assert delivery.status == DeliveryStatus.FAILED
    assert reason(database, endpoint) is None


@pytest.mark.usefixtures("ended")
def test_an_endpoint_that_is_gone_is_disabled_and_what_it_was_still_to_be_told_given_up(
    database: Database, endpoint: WebhookEndpoint, spec: JobSpec
) -> None:
    end(database, claim_submitted(database, spec))
    [held] = claim(database)

    settle(database, held, 410)

    assert reason(database, endpoint) == "it answered 410 Gone"
    assert [(one.status, len(one.attempts)) for one in told(database)] == [
        (DeliveryStatus.FAILED, 1),
        (DeliveryStatus.FAILED, 0),
    ]


@pytest.mark.usefixtures("ended")
def test_what_was_under_way_when_its_endpoint_was_disabled_is_not_tried_again(
    database: Database, endpoint: WebhookEndpoint
) -> None:
    [held] = claim(database)
    with database.writing() as session:
        webhooks.change(session, endpoint.id, enabled=False)

    delivery = settle(database, held, 500)

    assert (delivery.status, len(delivery.attempts)) == (DeliveryStatus.FAILED, 1)


@pytest.mark.usefixtures("ended")
def test_what_was_taken_may_be_told_once_more_by_hand(database: Database, endpoint: WebhookEndpoint) -> None:
    [held] = claim(database)
    settle(database, held)

    with database.writing(DEFAULT_PROJECT) as session:
        deliveries.retry(session, endpoint.id, held.delivery_id)
    [again] = claim(database)

    assert again.event == held.event
    assert len(settle(database, again).attempts) == 2


@pytest.mark.usefixtures("ended")
def test_a_disabled_endpoint_is_told_nothing_by_hand_either(database: Database, endpoint: WebhookEndpoint) -> None:
    [delivery] = told(database)
    with database.writing() as session:
        webhooks.change(session, endpoint.id, enabled=False)

    with database.writing() as session, pytest.raises(WebhookEndpointDisabled):
        deliveries.retry(session, endpoint.id, delivery.id)


@pytest.mark.usefixtures("ended")
def test_a_delivery_is_found_at_its_own_endpoint_only(database: Database) -> None:
    other, [delivery] = add_endpoint(database), told(database)

    with database.writing() as session, pytest.raises(DeliveryNotFound):
        deliveries.retry(session, other.id, delivery.id)


@pytest.mark.usefixtures("ended")
def test_what_is_older_than_30_days_is_forgotten(database: Database) -> None:
    with database.writing() as session:
        deliveries.forget_old(session)
    assert len(told(database)) == 1

    pass_time(database, timedelta(days=30, seconds=1))
    with database.writing() as session:
        deliveries.forget_old(session)

    assert told(database) == []
