"""The most memory that a process has held; what the kernel tells of a child counts its parent's before it became one.

As a program it runs a module and tells that of itself in the last line of stderr: `-m tests.unit.peaks MODULE …`.
"""

import re
import runpy
import sys
from pathlib import Path

_SELF = Path("/proc/self")
_FORGET = "5"


def forget() -> int:
    """Let the peak of this process be what it holds now, in bytes."""
    (_SELF / "clear_refs").write_text(_FORGET)
    return peak_bytes()


def peak_bytes() -> int:
    """The most that this process has held since it forgot."""
    found = re.search(r"VmHWM:\s+(\d+) kB", (_SELF / "status").read_text())
    assert found
    return int(found[1]) * 1024


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    finally:
        sys.stderr.write(f"\n{peak_bytes()}")
