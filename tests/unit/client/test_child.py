"""A child that dies is started again."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.child import Child, Program
from client.processes import Role
from tests.unit.clock import Clock

ENDS = "import sys; print('I am', flush=True); sys.exit(3)"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def child(tmp_path: Path, clock: Clock) -> Iterator[Child]:
    """A child that ends at once, and has."""
    program = Program(
        role=Role.WORKER,
        command=[sys.executable, "-c", ENDS],
        environment={"PATH": os.environ["PATH"]},
        folder=tmp_path,
        log_path=tmp_path / "worker.log",
    )
    child = Child(program, clock)
    wait_for_end(child)
    yield child
    child.end(5)


def wait_for_end(child: Child) -> None:
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)


def test_death_is_told_once_with_exit_code_and_log(child: Child, tmp_path: Path) -> None:
    news = child.tend()

    assert f"exit code 3, see {tmp_path / 'worker.log'}" in str(news)
    assert child.tend() is None


def test_it_is_started_again_when_its_pause_is_over(child: Child, clock: Clock) -> None:
    first_pid = child.pid
    child.tend()
    clock.now += 0.5

    news = child.tend()

    assert child.pid != first_pid
    assert str(child.pid) in str(news)


def test_each_pause_is_twice_the_one_before_up_to_half_a_minute(child: Child, clock: Clock) -> None:
    pauses = []
    for _ in range(8):
        pauses.append(str(child.tend()).rpartition(" in ")[2])
        clock.now += 30
        child.tend()
        wait_for_end(child)

    assert pauses == ["0.5 s", "1 s", "2 s", "4 s", "8 s", "16 s", "30 s", "30 s"]


def test_long_life_earns_the_shortest_pause_again(child: Child, clock: Clock) -> None:
    for _ in range(3):
        child.tend()
        clock.now += 30
        child.tend()
        wait_for_end(child)
    clock.now += 61

    news = child.tend()

    assert str(news).endswith("in 0.5 s")


def test_end_while_the_service_starts_is_told_with_the_log(child: Child) -> None:
    error = child.program.ended_at_once(3)

    assert str(error) == "worker ended with exit code 3:\nI am"
