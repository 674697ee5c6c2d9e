"""Something that takes long, beside something that must go on."""

import threading

import pytest

from worker import beside as module
from worker.beside import beside


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
