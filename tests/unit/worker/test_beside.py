"""Something that takes long, beside something that must go on."""

import threading

import pytest

from tests.unit.clock import Clock
from worker import beside as module
from worker.beside import await_all, beside


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.001)


def test_what_is_done_is_given_back() -> None:
    assert beside(lambda: 7, lambda: None) == 7


def test_meanwhile_the_other_goes_on() -> None:
    beats, enough = [], threading.Event()

    def beat() -> None:
        beats.append(1)
        if len(beats) == 3:
            enough.set()

    assert beside(lambda: enough.wait(30), beat)


def test_an_error_of_the_work_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        beside(lambda: 1 / 0, lambda: None)


def test_an_error_of_the_other_is_raised_although_the_work_goes_on() -> None:
    enough = threading.Event()

    with pytest.raises(ZeroDivisionError):
        beside(lambda: enough.wait(30), lambda: 1 / 0)  # type: ignore[arg-type]
    enough.set()


class Hanging(threading.Thread):
    """A thread that does not end however long it is waited for."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def join(self, timeout: float | None = None) -> None:
        assert timeout is not None
        self._clock.now += timeout


def test_threads_that_hang_are_waited_for_no_longer_than_one() -> None:
    clock = Clock()
    begun_at = clock.now

    await_all([Hanging(clock) for _ in range(200)], 30, clock)

    assert clock.now - begun_at == 30
