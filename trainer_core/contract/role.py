"""What a process of a service is there for, told by its environment, where `tuneyard up` finds it."""

import ctypes
import os

ROLE_VARIABLE = "TUNEYARD_ROLE"
STANDBY = "standby"
"""Role of a process that was started ahead; as long as any that it may take up."""


def take_role(role: str) -> None:
    """Have the environment that this process was started with name another role, no longer than the one before.

    Others read it as the kernel keeps it: there it is overwritten in place, blanks behind it.
    """
    before = os.environ.get(ROLE_VARIABLE)
    if before is None:
        return
    assert len(role) <= len(before)
    find = ctypes.CDLL(None).getenv
    find.restype = ctypes.c_void_p
    ctypes.memmove(find(ROLE_VARIABLE.encode()), role.ljust(len(before)).encode(), len(before))
    os.environ[ROLE_VARIABLE] = role
