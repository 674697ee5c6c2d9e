"""A worker that is drained takes nothing new, wherever it runs, until the wish is withdrawn."""

import pytest
from fastapi.testclient import TestClient

from store import drains, jobs, leases
from store.database import Database
from store.drains import EVERY_WORKER
from store.leases import Wish
from tests.unit.queued import claim_submitted, submit_queued
from trainer_core.contract.spec import JobSpec


def claims(database: Database, worker: str) -> bool:
    with database.writing() as session:
        return leases.claim(session, worker=worker, seconds=90) is not None


@pytest.mark.parametrize("drained", ["w", EVERY_WORKER])
def test_a_drained_worker_claims_nothing(database: Database, spec: JobSpec, drained: str) -> None:
    with database.writing() as session:
        submit_queued(session, spec)
        drains.ask(session, drained, gives_back=False)

    assert not claims(database, "w")
    assert claims(database, "another") is (drained != EVERY_WORKER)


def test_a_worker_that_is_resumed_claims_again(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        submit_queued(session, spec)
        drains.ask(session, "w", gives_back=True)
        drains.ask(session, EVERY_WORKER, gives_back=False)
        drains.withdraw(session, "w")
    assert not claims(database, "w")

    with database.writing() as session:
        drains.withdraw(session, EVERY_WORKER)

    assert claims(database, "w")


@pytest.mark.parametrize(("gives_back", "wished"), [(True, Wish.DRAIN), (False, None)])
def test_a_running_job_is_to_go_back_only_where_that_is_asked(
    database: Database, spec: JobSpec, *, gives_back: bool, wished: Wish | None
) -> None:
    lease = claim_submitted(database, spec)
    with database.writing() as session:
        drains.ask(session, EVERY_WORKER, gives_back=gives_back)

    with database.reading() as session:
        assert leases.wish(session, lease) == wished


def test_cancelling_outdoes_draining(database: Database, spec: JobSpec) -> None:
    lease = claim_submitted(database, spec)
    with database.writing() as session:
        drains.ask(session, "w", gives_back=True)
        jobs.request_cancel(session, lease.job_id)

    with database.reading() as session:
        assert leases.wish(session, lease) is Wish.CANCEL


def test_operators_see_how_far_each_worker_has_come(database: Database, spec: JobSpec, service: TestClient) -> None:
    claim_submitted(database, spec)
    service.put("/drains/v", params={"gives_back": True})

    told = service.put("/drains/w").json()

    assert [(one["worker"], one["gives_back"]) for one in told["data"]] == [("v", True), ("w", False)]
    assert told["workers"] == [{"name": "w", "is_drained": True, "num_running_jobs": 1}]
    assert service.delete("/drains/*").status_code == 204
    assert service.get("/drains").json()["data"] == []
