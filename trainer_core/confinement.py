"""What a process that opens strangers' files may do to its host, kept by the kernel; whatever it starts inherits it.

It knows nothing of what such a process and its children take together: whoever started it watches that.
"""

import ctypes
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_OUT_OF_MEMORY_FIRST = 800
"""Of 1000: where memory runs out, the kernel ends this process before the service."""


def confine(*, file_bytes: int | None = None, memory_bytes: int | None = None) -> None:
    """Bound this process, for good.

    It leaves no core dump, in which rows and weights would lie; it gains no rights by what it runs; where memory runs
    out it goes first; and what it has started stays its own, even if whoever started that is gone.

    Args:
        file_bytes: Largest file that it can write; a write beyond that fails as one to a full disk does.
        memory_bytes: Most that it can address; not for one that uses CUDA, which addresses everything there is.
    """
    _lower(resource.RLIMIT_CORE, 0)
    if file_bytes is not None:
        _lower(resource.RLIMIT_FSIZE, file_bytes)
    if memory_bytes is not None:
        _lower(resource.RLIMIT_AS, memory_bytes)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        for option in (_PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER):
            if libc.prctl(option, 1, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
        with suppress(PermissionError):  # one that is to go even sooner stays so
            Path(f"/proc/{os.getpid()}/oom_score_adj").write_text(str(_OUT_OF_MEMORY_FIRST))


def _lower(limit: int, most: int) -> None:
    _, hard = resource.getrlimit(limit)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(limit, (most, most))
