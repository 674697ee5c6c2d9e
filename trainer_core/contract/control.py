"""What a trainer is told while it runs, and how its end is read.

Each line on the stdin of a trainer started with `--supervised` is a word; EOF means that its runner is gone.
"""

from enum import IntEnum, StrEnum


class Control(StrEnum):
    """How a run is asked to end."""

    CANCEL = "cancel"
    """Finish the step and end; nothing need be kept."""
    DRAIN = "drain"
    """Finish the step, save a checkpoint and end."""
    FINISH = "finish"
    """Let this step be the last one: evaluate if it is due, save, leave the artifact and succeed."""


LEASE = "lease"
"""`lease 1234.5`: train until then at most, in seconds of the host's monotonic clock; a later word puts it off."""


class ExitCode(IntEnum):
    """How the trainer ended. Anything else is an infrastructure fault."""

    SUCCEEDED = 0
    FAILED = 1
    """A `RunFailed` event said why."""
    STOPPED = 75
    """It was asked to stop (EX_TEMPFAIL of sysexits.h)."""
