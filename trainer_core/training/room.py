"""How much is computed at once, and less of it each time that the device was too small.

The optimizer's steps stay what they are: fewer rows in a forward pass mean more passes in a step.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from trainer_core.training.failures import is_out_of_memory

T = TypeVar("T")
_MAX_REDUCTIONS = 3


@dataclass
class Room:
    """What one forward pass may take."""

    batch_size: int
    max_tokens: int | None
    """Padding included; None: as many as the rows have."""
    gradient_checkpointing: bool
    """True if nothing can be gained by it any more."""
    num_reductions: int = 0

    def reduce(self) -> bool:
        """Halve the batch, or, where that is one row, keep fewer activations; False if nothing is left to give up."""
        if self.num_reductions == _MAX_REDUCTIONS or (self.batch_size == 1 and self.gradient_checkpointing):
            return False
        self.num_reductions += 1
        if self.batch_size == 1:
            self.gradient_checkpointing = True
        else:
            self.batch_size //= 2
            self.max_tokens = self.max_tokens and max(1, self.max_tokens // 2)
        return True


def in_room(room: Room, compute: Callable[[], T]) -> T:
    """What is computed without gradients, in smaller batches if the device turns out too small."""
    while True:
        try:
            return compute()
        except Exception as error:
            if not is_out_of_memory(error) or room.batch_size == 1 or not room.reduce():
                raise
