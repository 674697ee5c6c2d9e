"""A warm trainer that a worker keeps; it plays scripts, without torch."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.patience import PATIENCE_SECONDS
from worker.starting import hear_of
from worker.warm import NotThere, Warm

PROGRAM = (sys.executable, str(Path(__file__).parent / "scripted_trainer.py"), "succeed")
KNOWS_NO_WARMTH = (sys.executable, "-c", "raise SystemExit(2)")


@pytest.fixture
def warm() -> Iterator[Warm]:
    one = Warm(PROGRAM, os.environ, 600)
    yield one
    one.end()


def forked_from(warm: Warm) -> psutil.Process:
    """The process that has forked the one at the other end of a new line."""
    with warm.line() as line:
        pid = hear_of(line, PATIENCE_SECONDS)
        assert pid is not None
        parent = psutil.Process(pid).parent()
    assert parent is not None
    return parent


def test_one_process_forks_for_every_line(warm: Warm) -> None:
    assert forked_from(warm) == forked_from(warm)


def test_one_that_died_is_replaced(warm: Warm) -> None:
    first = forked_from(warm)
    first.kill()
    first.wait()

    assert forked_from(warm) != first


def test_each_start_is_counted(warm: Warm) -> None:
    forked_from(warm)
    forked_from(warm)

    assert warm.num_started == 1


def test_nobody_waits_for_one_that_is_not_there(warm: Warm) -> None:
    with pytest.raises(NotThere):
        warm.line(is_worth_waiting=False)


def test_one_that_is_tended_is_there(warm: Warm) -> None:
    warm.tend()

    with warm.line(is_worth_waiting=False) as line:
        assert hear_of(line, PATIENCE_SECONDS) is not None


def test_one_that_somebody_may_wait_for_is_not_ended() -> None:
    warm = Warm(PROGRAM, os.environ, 0)
    with warm.line() as line:
        warm.tend()

        assert hear_of(line, PATIENCE_SECONDS) is not None
    warm.end()


def test_one_that_nobody_needs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.warm._HEALTHY_SECONDS", 0)
    warm = Warm(PROGRAM, os.environ, 0)
    process = forked_from(warm)

    warm.tend()

    assert not process.is_running()


def test_a_program_that_cannot_stay_warm_is_not_started_again_and_again() -> None:
    warm = Warm(KNOWS_NO_WARMTH, os.environ, 600)
    warm.tend()
    with suppress(NotThere), warm.line() as line:  # it may have ended already
        assert hear_of(line, PATIENCE_SECONDS) is None

    warm.tend()

    with pytest.raises(NotThere):
        warm.line(is_worth_waiting=False)
    warm.end()


def test_ending_leaves_no_process(warm: Warm) -> None:
    process = forked_from(warm)

    warm.end()

    assert not process.is_running()
