"""A process that forks, started as a worker starts it; what its forks do is written here, without torch."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from trainer_core.contract.line import hear, say
from trainer_core.contract.orders import Order, RunOrder
from trainer_core.contract.role import ROLE_VARIABLE, STANDBY

PROGRAM = """
import importlib, os, sys, time
from trainer_core.training.lifeline import die_with_line
from trainer_core.warm import serve

def carry_out(order, line):
    die_with_line(line)
    match order.arguments:
        case ("say", name):
            print(os.environ.get(name), os.environ.get("OF_COMMAND"), os.getsid(0) == os.getpid(), flush=True)
        case ("wait",):
            print("waiting", flush=True)
            time.sleep(600)
        case ("raise",):
            raise ValueError("broken")
        case ("import", name):
            print(name in sys.modules, flush=True)
            importlib.import_module(name)
    return 5

sys.exit(serve(carry_out, ["wave"]))
"""


class Standing:
    """A process that has everything imported."""

    def __init__(self) -> None:
        self.forked: list[socket.socket] = []
        self.lines, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                stdin=theirs.fileno(),
                env=os.environ | {ROLE_VARIABLE: STANDBY, "OF_COMMAND": "set"},
                start_new_session=True,
            )

    def fork(self) -> tuple[socket.socket, psutil.Process]:
        ours, theirs = socket.socketpair()
        with theirs:
            say(self.lines, "", [theirs.fileno()])
        self.forked.append(ours)
        return ours, psutil.Process(int(hear(ours)[0]))


@pytest.fixture
def standing() -> Iterator[Standing]:
    one = Standing()
    yield one
    for line in (one.lines, *one.forked):
        line.close()
    one.process.kill()
    one.process.wait()


def run(line: socket.socket, *arguments: str, locks: tuple[int, ...] = (), **environment: str) -> int:
    """Order a run; gives the end of its stdout."""
    ours, theirs = os.pipe()
    order: Order = RunOrder(arguments=arguments, environment=environment)
    say(line, order.model_dump_json(), [0, theirs, 2, *locks])
    os.close(theirs)
    return ours


def said(stdout: int) -> str:
    with os.fdopen(stdout) as file:
        return file.read()


def test_a_run_sees_the_environment_that_was_ordered_beside_that_of_the_command(standing: Standing) -> None:
    line, _ = standing.fork()

    stdout = run(line, "say", "CUDA_VISIBLE_DEVICES", CUDA_VISIBLE_DEVICES="GPU-1")

    assert said(stdout) == "GPU-1 set True\n"


def test_its_exit_code_is_told(standing: Standing) -> None:
    line, _ = standing.fork()

    run(line, "say", "X")

    assert hear(line)[0] == "5"


def test_one_that_breaks_down_takes_no_other_with_it(standing: Standing) -> None:
    broken, _ = standing.fork()
    run(broken, "raise")
    whole, _ = standing.fork()
    run(whole, "say", "X")

    assert (hear(broken)[0], hear(whole)[0]) == ("70", "5")


def test_a_run_is_known_as_a_trainer(standing: Standing) -> None:
    line, process = standing.fork()
    os.read(run(line, "wait"), 100)

    assert process.environ()[ROLE_VARIABLE].rstrip() == "trainer"


def test_it_ends_with_whoever_asked_for_it(standing: Standing) -> None:
    line, process = standing.fork()
    os.read(run(line, "wait"), 100)

    line.close()

    process.wait(30)


def test_one_that_was_never_given_an_order_ends_with_its_line(standing: Standing) -> None:
    line, process = standing.fork()

    line.close()

    process.wait(30)


def test_it_outlives_the_one_that_forked_it(standing: Standing) -> None:
    line, process = standing.fork()
    os.read(run(line, "wait"), 100)

    standing.process.send_signal(signal.SIGKILL)
    standing.process.wait()

    assert process.is_running()
    line.close()
    process.wait(30)


def test_it_holds_the_locks_that_came_with_its_order(standing: Standing) -> None:
    lock, holder = os.pipe()
    line, _ = standing.fork()
    os.read(run(line, "wait", locks=(holder,)), 100)
    os.close(holder)
    os.set_blocking(lock, False)
    with pytest.raises(BlockingIOError):
        os.read(lock, 1)

    line.close()

    os.set_blocking(lock, True)
    assert os.read(lock, 1) == b""
    os.close(lock)


def test_what_one_has_imported_is_there_for_the_next(standing: Standing) -> None:
    was_there = []
    for _ in range(2):
        line, _ = standing.fork()
        was_there.append(said(run(line, "import", "wave")))
        hear(line)

    assert was_there == ["False\n", "True\n"]


def test_it_ends_with_whoever_sends_lines(standing: Standing) -> None:
    standing.lines.close()

    assert standing.process.wait(30) == 0
