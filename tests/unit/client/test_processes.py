"""Processes of an instance, found among all others."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from client.processes import INSTANCE_VARIABLE, Processes, Role, end
from trainer_core.contract.role import ROLE_VARIABLE

SLEEP = "print(flush=True); import time; time.sleep(600)"
SLEEP_WITH_A_PART = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"
BECOMES_ANOTHER = """
import os, sys
print(flush=True)
sys.stdin.readline()
os.environ.update({environment!r})
os.execv(sys.executable, [sys.executable, "-c", {program!r}])
"""
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"

Start = Callable[[str, Path, Role], subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a Python program as a part of an instance; returns when it runs."""
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str, data_dir: Path, role: Role) -> subprocess.Popen[bytes]:
        environment = os.environ | {INSTANCE_VARIABLE: str(data_dir), ROLE_VARIABLE: role}
        process = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield start
    for process in started:
        children = psutil.Process(process.pid).children() if process.poll() is None else []
        end(children, 5)
        with process:
            process.kill()


def test_process_is_found_by_its_role(start: Start, tmp_path: Path) -> None:
    worker = start(SLEEP, tmp_path, Role.WORKER)
    start(SLEEP, tmp_path / "other", Role.WORKER)

    found = Processes(tmp_path).by_role()

    assert {role: [process.pid for process in several] for role, several in found.items()} == {"worker": [worker.pid]}


def test_process_started_later_is_found_too(start: Start, tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.by_role()
    runner = start(SLEEP, tmp_path, Role.RUNNER)

    found = processes.by_role()

    assert [process.pid for process in found[Role.RUNNER]] == [runner.pid]


def test_process_that_was_seen_before_it_became_one_of_them_is_found(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    becoming = BECOMES_ANOTHER.format(
        environment={INSTANCE_VARIABLE: str(tmp_path), ROLE_VARIABLE: Role.WORKER.value}, program=SLEEP
    )
    with subprocess.Popen([sys.executable, "-c", becoming], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        before = processes.by_role()
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        after = processes.by_role()
        process.kill()

    assert before == {}
    assert [one.pid for one in after[Role.WORKER]] == [process.pid]


def test_part_of_a_process_is_not_listed(start: Start, tmp_path: Path) -> None:
    trainer = start(SLEEP_WITH_A_PART, tmp_path, Role.TRAINER)

    found = Processes(tmp_path).by_role()

    assert [process.pid for process in found[Role.TRAINER]] == [trainer.pid]


def test_process_that_has_ended_is_not_found(start: Start, tmp_path: Path) -> None:
    worker = start(SLEEP, tmp_path, Role.WORKER)
    processes = Processes(tmp_path)
    processes.by_role()
    os.kill(worker.pid, 9)
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)

    assert processes.by_role() == {}


def test_process_that_does_not_listen_is_killed(start: Start, tmp_path: Path) -> None:
    deaf = start(DEAF, tmp_path, Role.WORKER)

    end([psutil.Process(deaf.pid)], grace_seconds=0.1)

    assert not psutil.pid_exists(deaf.pid)
