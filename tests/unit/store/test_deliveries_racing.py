"""Endpoints that are deleted while a job moves of which they are to be told."""

import threading

import pytest

from store import jobs, leases, webhooks
from store.database import Database
from store.leases import Lease
from store.webhook_tables import WebhookEndpoint
from tests.unit.hooked import add_endpoint, told
from tests.unit.locked import wait_for_lock
from tests.unit.queued import claim_submitted
from trainer_core.contract.spec import JobSpec


@pytest.fixture
def endpoint(database: Database) -> WebhookEndpoint:
    return add_endpoint(database)


def end(database: Database, lease: Lease) -> None:
    with database.writing() as session:
        leases.succeed(session, lease)


def test_deleting_an_endpoint_never_undoes_the_move_that_it_is_told_of(
    database: Database, endpoint: WebhookEndpoint, spec: JobSpec
) -> None:
    lease = claim_submitted(database, spec)

    def remove() -> None:
        with database.writing() as session:
            webhooks.remove(session, endpoint.id)

    removing = threading.Thread(target=remove)
    with database.writing() as session:
        leases.succeed(session, lease)
        removing.start()
    removing.join()

    with database.reading() as session:
        assert jobs.get(session, lease.job_id).status == "succeeded"
        assert webhooks.page(session, after=None, limit=1) == []
    assert told(database) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_move_while_an_endpoint_is_deleted_is_not_undone_either(
    database: Database, endpoint: WebhookEndpoint, spec: JobSpec
) -> None:
    lease = claim_submitted(database, spec)
    moving = threading.Thread(target=end, args=(database, lease))

    with database.writing() as session:
        webhooks.remove(session, endpoint.id)
        moving.start()
        wait_for_lock(database)
    moving.join()

    with database.reading() as session:
        assert jobs.get(session, lease.job_id).status == "succeeded"
    assert told(database) == []
