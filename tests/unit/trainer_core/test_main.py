"""What a process that carries out a run does at its end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainer_core.contract.control import ExitCode

PROGRAM = """
import os, sys
from trainer_core import __main__ as program
whom = {os.getppid(): "its parent"}
program.wait_for_end = lambda pid, _: print("it waits for", whom.get(pid), file=sys.stderr)
sys.exit(program.main())
"""


@pytest.mark.parametrize(("rank", "num_waits"), [("0", 0), ("1", 1)])
def test_a_rank_that_fails_lets_the_first_one_tell_of_it(rank: str, num_waits: int, tmp_path: Path) -> None:
    spec_path = tmp_path / "spec.json"
    spec_path.write_text("{}")

    failed = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(spec_path), "--run-dir", str(tmp_path / "run")],
        env={**os.environ, "LOCAL_RANK": rank},
        check=False,
        capture_output=True,
        text=True,
    )

    assert failed.returncode == ExitCode.FAILED
    assert failed.stderr.count("it waits for its parent") == num_waits


CHAT = """
import os, sys
from socket import socketpair
from trainer_core import __main__ as program
from trainer_core.contract.orders import ChatOrder
os.setsid()
ours, theirs = socketpair()
program._carry_out(ChatOrder(environment={}), theirs)
print(*(line for line in open("/proc/self/status") if line.startswith("NoNewPrivs")), file=sys.stderr)
sys.stderr.flush()
os._exit(0)
"""


def test_a_process_that_answers_chats_is_confined() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CHAT], stdin=subprocess.DEVNULL, check=True, capture_output=True, text=True
    )

    assert "NoNewPrivs:\t1" in ended.stderr


def test_a_process_that_hears_nonsense_ends_rather_than_hearing_nothing_any_more() -> None:
    with subprocess.Popen([sys.executable, "-c", CHAT], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(b"nonsense\n")
        process.stdin.flush()

        assert process.wait(600) == 0
