"""What is needed next, made by other processes while this one is at work."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from torch import Tensor

from trainer_core.training.forks import ahead_in_forks

Inputs = Callable[[str], Mapping[str, Tensor]]
"""What a processor makes of a unit, by its key."""


class Ahead:
    """Inputs of units in the order in which they are expected to be asked for.

    Args:
        inputs: Makes them.
        keys: Of the units, each once.
        num_processes: That make them; with none, nothing is made ahead.
        is_needed: Of a unit that is passed by, whether it will be asked for still.
    """

    def __init__(
        self, inputs: Inputs, keys: Sequence[str], num_processes: int, is_needed: Callable[[str], bool]
    ) -> None:
        self._coming: deque[str] = deque(keys if num_processes else ())
        self._expected = set(self._coming)
        self._is_needed = is_needed
        self._made: dict[str, Mapping[str, Tensor]] = {}
        self._making: Iterator[Mapping[str, Tensor]] | None = None
        if self._coming:
            self._making = iter(ahead_in_forks(inputs, keys, num_processes))

    def take(self, key: str) -> Mapping[str, Tensor] | None:
        """Inputs of a unit, for this once; None if nobody makes them."""
        while key in self._expected:
            assert self._making is not None
            passed, made = self._coming.popleft(), next(self._making)
            self._expected.discard(passed)
            if passed == key or self._is_needed(passed):
                self._made[passed] = made
        if not self._coming:
            self._making = None  # its processes end
        return self._made.pop(key, None)
