"""What a trainer is told while it runs, and how its end is read."""

from enum import IntEnum, StrEnum


class Control(StrEnum):
    """A word, a line, on the stdin of a trainer started with `--supervised`; EOF means that its runner is gone."""

    CANCEL = "cancel"
    """Finish the step and end; nothing need be kept."""
    DRAIN = "drain"
    """Finish the step, save a checkpoint and end."""
    FINISH = "finish"
    """Let this step be the last one: evaluate if it is due, save, leave the artifact and succeed."""


class ExitCode(IntEnum):
    """How the trainer ended. Anything else is an infrastructure fault."""

    SUCCEEDED = 0
    FAILED = 1
    """A `RunFailed` event said why."""
    STOPPED = 75
    """It was asked to stop (EX_TEMPFAIL of sysexits.h)."""
