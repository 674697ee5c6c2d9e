"""The one loop that waits, and how long for: whatever must come is looked for until it is there."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_SECONDS = 300.0
"""How long whatever must come may take. A machine may stand still meanwhile, or do ten other things."""
_LOOK_SECONDS = 0.05
T = TypeVar("T")


def until(look: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """What `look` gives once it is true; TimeoutError if it is not by then."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(_LOOK_SECONDS)
    return found
