"""What a confined process cannot do, shown by processes that try (S17)."""

import subprocess
import sys

import pytest

TRY = """
import os, resource, sys, tempfile
from pathlib import Path
from trainer_core.confinement import confine
confine(file_bytes=1_000_000, memory_bytes=2 * 1024**3)
"""

FILL = """
with tempfile.TemporaryFile(buffering=0) as file:
    file.write(bytes(2_000_000))
    try: file.write(b"x")
    except OSError as error: print(error.strerror)
"""
LEAVE_BEHIND = """
reading, writing = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        os.read(reading, 1)  # until whoever started it is gone
        os.write(1, f"{os.getppid()} ".encode())
    os._exit(0)
os.wait()
os.write(writing, b"x")
os.wait()
os.write(1, str(os.getpid()).encode())
"""


def said(program: str) -> str:
    """What a program says that is confined first."""
    done = subprocess.run([sys.executable, "-c", TRY + program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


PROGRAMS = {
    "core": ("print(resource.getrlimit(resource.RLIMIT_CORE))", "(0, 0)"),
    "out of memory": ("print(Path('/proc/self/oom_score_adj').read_text())", "800"),
    "rights": ("print(Path('/proc/self/status').read_text())", "NoNewPrivs:\t1"),
    "rights of children": ("import subprocess; subprocess.run(['cat', '/proc/self/status'])", "NoNewPrivs:\t1"),
    "file": (FILL, "File too large"),
    "memory": ("try: bytearray(64 * 1024**3)\nexcept MemoryError: print('there is none')", "there is none"),
}


@pytest.mark.parametrize(("program", "answer"), PROGRAMS.values(), ids=PROGRAMS)
def test_a_confined_process_cannot(program: str, answer: str) -> None:
    assert answer in said(program)


def test_a_confined_process_keeps_what_its_children_leave_behind() -> None:
    parent_of_orphan, own = said(LEAVE_BEHIND).split()

    assert parent_of_orphan == own
