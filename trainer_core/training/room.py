"""How much is computed at once, and less of it each time that the device was too small.

The optimizer's steps stay what they are: fewer rows in a forward pass mean more passes in a step.
"""

from dataclasses import dataclass

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
