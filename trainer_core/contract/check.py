"""What a look at one thing has found: whether it is in order, what was seen, and what to do if it is not.

Programs of every package that look for the doctor print one such line of JSON for each thing that they know.
"""

import sys
from collections.abc import Callable, Iterable
from enum import StrEnum

from trainer_core.contract.closed import Closed


class Outcome(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARNING = "warning"
    """It works, though not as well or not as safely as it could."""
    FAILED = "failed"
    """It does not work."""


class Check(Closed):
    """What was found."""

    name: str
    outcome: Outcome
    seen: str
    advice: str | None = None
    """What to do; None where nothing is."""


class NotInOrder(Exception):
    """What a look raises if it does not find what it hoped for, and knows what to do."""

    def __init__(self, seen: str, advice: str, outcome: Outcome = Outcome.FAILED) -> None:
        super().__init__(seen)
        self.advice = advice
        self.outcome = outcome


def warning(seen: str, advice: str) -> NotInOrder:
    """What a look raises about something that works, but not well."""
    return NotInOrder(seen, advice, Outcome.WARNING)


def examine(name: str, look: Callable[[], str], advice: str) -> Check:
    """Look at one thing; whatever is raised is what was found.

    Args:
        look: Gives what it has seen where that is in order.
        advice: What to do about errors that do not say so themselves.
    """
    try:
        return Check(name=name, outcome=Outcome.OK, seen=look())
    except NotInOrder as found:
        return Check(name=name, outcome=found.outcome, seen=str(found), advice=found.advice)
    except Exception as error:  # noqa: BLE001 - a doctor tells of every error, and goes on
        lines = str(error).strip().splitlines()
        seen = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
        return Check(name=name, outcome=Outcome.FAILED, seen=seen, advice=advice)


def tell(checks: Iterable[Check]) -> None:
    """Print each as a line of JSON, as soon as it is there."""
    for check in checks:
        sys.stdout.write(f"{check.model_dump_json()}\n")
        sys.stdout.flush()
