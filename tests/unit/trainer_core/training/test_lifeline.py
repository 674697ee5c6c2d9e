"""Real processes, which the kernel ends."""

import os
import signal
import socket
import subprocess
import sys
import threading

from trainer_core.training.lifeline import wait_for_end

LIFELINE = (
    "import os, signal, sys, time; from trainer_core.training.lifeline import die_at, die_with_line, die_with_parent; "
)


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LIFELINE + code], stdout=subprocess.PIPE, text=True, check=False, timeout=60
    )


def test_a_process_ends_at_its_deadline() -> None:
    assert run("die_at(time.monotonic() + 0.1); time.sleep(600)").returncode == -signal.SIGALRM


def test_a_deadline_that_is_past_ends_a_process_at_once() -> None:
    assert run("die_at(time.monotonic() - 5); time.sleep(600)").returncode == -signal.SIGALRM


def test_a_later_deadline_puts_the_end_off() -> None:
    code = (
        "die_at(time.monotonic() + 20); die_at(time.monotonic() + 600); print(signal.getitimer(signal.ITIMER_REAL)[0])"
    )

    assert float(run(code).stdout) > 500


def test_a_process_that_lets_no_other_thread_run_ends_as_well() -> None:
    code = "import ctypes; die_at(time.monotonic() + 0.1); ctypes.PyDLL(None).sleep(600)"

    assert run(code).returncode == -signal.SIGALRM


def test_a_process_ends_with_its_parent() -> None:
    child = f"{LIFELINE} die_with_parent(os.getppid()); print('child', flush=True); time.sleep(600)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "child\n"
        process.kill()

        assert process.stdout.read() == ""  # its end, which the child held open


def test_a_process_whose_parent_is_gone_already_ends_at_once() -> None:
    assert run("die_with_parent(os.getpid())").returncode == -signal.SIGKILL


def end_of_line(code: str) -> tuple[socket.socket, subprocess.Popen[str]]:
    """The other end of a line on which a process does something, once it says so."""
    ours, theirs = socket.socketpair()
    with theirs:
        holding = f"{LIFELINE} import socket; line = socket.socket(fileno={theirs.fileno()}); {code}"
        process = subprocess.Popen(
            [sys.executable, "-c", holding],
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return ours, process


def test_a_process_ends_with_its_line_whatever_it_does() -> None:
    hold_the_lock = "import ctypes; print('there', flush=True); ctypes.PyDLL(None).sleep(600)"
    line, process = end_of_line(f"die_with_line(line); {hold_the_lock}")

    line.close()

    with process:
        assert process.wait(60) == -signal.SIGKILL


def test_what_it_has_started_ends_with_its_line_too() -> None:
    start = "import subprocess; subprocess.Popen(['sleep', '600']); print('there', flush=True); time.sleep(600)"
    line, process = end_of_line(f"die_with_line(line); {start}")

    line.close()

    with process:
        assert process.stdout is not None
        assert process.stdout.read() == ""  # its end, which the child held open


def test_a_line_that_is_closed_already_ends_a_process_at_once() -> None:
    line, process = end_of_line("print('there', flush=True); line.recv(1); die_with_line(line); time.sleep(600)")

    line.close()

    with process:
        assert process.wait(60) == -signal.SIGKILL


def test_what_is_said_on_a_line_ends_nobody() -> None:
    line, process = end_of_line("die_with_line(line); print('there', flush=True); line.send(b'1'); os._exit(7)")

    with line, process:
        assert line.recv(1) == b"1"
        assert process.wait(60) == 7


def test_the_end_of_a_process_is_waited_for() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        waiting = threading.Thread(target=wait_for_end, args=(process.pid, 600))
        waiting.start()
        is_waiting = waiting.is_alive()
        process.kill()
        waiting.join()

    assert is_waiting


def test_nothing_is_waited_for_longer_than_is_said() -> None:
    wait_for_end(os.getpid(), 0.01)


def test_a_process_that_is_gone_is_not_waited_for() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass

    wait_for_end(process.pid, 600)
