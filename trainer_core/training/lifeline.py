"""A trainer does not outlive its right to train: the kernel ends it with its parent, and when its lease runs out.

Nothing here depends on the trainer's own code being at work: it may hang in a driver, or be frozen.
"""

import ctypes
import fcntl
import os
import select
import signal
import socket
import sys
import time

_PR_SET_PDEATHSIG = 1
_SHORTEST_SECONDS = 1e-3
"""A timer of zero would never go off."""


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process as soon as the thread of `parent_pid` that started it has ended.

    Only Linux knows how; elsewhere the end of stdin is what a trainer hears of its runner's death.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:  # it died just before
        os.kill(os.getpid(), signal.SIGKILL)


def die_with_line(line: socket.socket) -> None:
    """Have the kernel kill this process group as soon as the other end of a line is closed, whoever held it.

    For a process whose parent is not the one to die with. Whoever is there says nothing more: that would kill as well.
    Only Linux knows how; elsewhere the end of stdin is what a trainer hears of its runner's death.
    """
    if sys.platform != "linux":
        return
    fcntl.fcntl(line, fcntl.F_SETSIG, signal.SIGKILL)  # SIGIO would be the one by default
    fcntl.fcntl(line, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(line, fcntl.F_SETFL, fcntl.fcntl(line, fcntl.F_GETFL) | os.O_ASYNC)
    hung_up = select.poll()
    hung_up.register(line, select.POLLHUP)
    if hung_up.poll(0):  # it died just before
        os.killpg(0, signal.SIGKILL)


def die_at(deadline: float) -> None:
    """Have the kernel end this process at `deadline`, seconds of `time.monotonic()`; a later call puts it off.

    That clock is one for all processes of a host, so that a lease word that was long on its way gives no longer life.
    """
    signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), _SHORTEST_SECONDS))


def wait_for_end(pid: int, seconds: float) -> None:
    """Wait until a process has ended, but no longer than `seconds`.

    Only Linux knows how; elsewhere nothing is waited for.
    """
    if sys.platform != "linux":
        return
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([process], [], [], seconds)
    finally:
        os.close(process)
