"""Events on their way from the service as a process of its own, which is killed."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from api.delivery import CLAIM_SECONDS
from store import leases
from store.database import Database
from store.webhook_tables import DeliveryStatus
from tests.patience import PATIENCE_SECONDS, until
from tests.unit.api.receiver import Receiver, receiving
from tests.unit.api.serving import Server
from tests.unit.hooked import add_endpoint, pass_time, told
from tests.unit.queued import claim_submitted
from trainer_core.contract.spec import JobSpec


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_what_a_killed_service_was_telling_is_told_by_the_next(
    database: Database,
    database_url: str,
    receiver: Receiver,
    spec: JobSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TUNEYARD_WEBHOOK_PRIVATE_HOSTS", "127.0.0.1")
    endpoint = add_endpoint(database, f"{receiver.url}/hang")
    lease = claim_submitted(database, spec)
    with database.writing() as session:
        leases.succeed(session, lease)

    with Server(database_url, tmp_path) as server:
        receiver.wait_for(1)
        server.kill()
        receiver.may_answer.set()
        pass_time(database, timedelta(seconds=CLAIM_SECONDS))
        server.restart()
        until(lambda: told(database)[0].status == DeliveryStatus.DELIVERED, PATIENCE_SECONDS)

    first, second = receiver.told
    [kept] = told(database)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == kept.event_id
    assert Webhook(endpoint.secret).verify(second.body, second.headers)["data"] == {"id": lease.job_id}
    assert (kept.status, len(kept.attempts)) == (DeliveryStatus.DELIVERED, 1)
    assert "Traceback" not in server.log
