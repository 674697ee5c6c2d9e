"""What a run's pairs were worth to the model before its first step, from which training must not depart too far.

A log-probability is that of all of an answer's tokens together. No second model is held: what was once computed is
remembered, by the checkpoints too. P pairs of the run, B of a micro-batch.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from trainer_core.training import ranks

_NAME = "reference"


class Reference:
    """Log-probabilities of both answers of each pair, as far as they are known."""

    def __init__(self, num_pairs: int) -> None:
        self._known = torch.full((num_pairs, 2), torch.nan)
        """(P, 2): of the preferred answer, and of the other one."""
        self._is_known = torch.zeros(num_pairs, dtype=torch.bool)
        self._new: list[tuple[Tensor, Tensor]] = []
        """Numbers and log-probabilities that the other ranks do not know yet."""
        self._is_shared = False
        """True once all ranks know every pair; what one rank knows by itself, the others must not wait for."""

    @property
    def is_complete(self) -> bool:
        """True if every pair is known."""
        return bool(self._is_known.all())

    def of(self, numbers: Tensor) -> Tensor | None:
        """Log-probabilities of the preferred answers, then of the others: (B) pairs to (2B); None if one is unknown."""
        return self._known[numbers].T.reshape(-1) if bool(self._is_known[numbers].all()) else None

    def learn(self, numbers: Tensor, log_probabilities: Tensor) -> None:
        """Remember what `of` gives, wherever it is."""
        values = log_probabilities.detach().float().cpu().reshape(2, -1).T
        self._take(numbers, values)
        if ranks.num_ranks() > 1:
            self._new.append((numbers, values))

    def share(self) -> None:
        """Let all ranks know what any has learned; every rank must come here."""
        if ranks.num_ranks() == 1 or self._is_shared:
            return
        told, self._new = ranks.gathered(self._new), []
        for numbers, values in (one for found in told for one in found):
            self._take(numbers, values)
        self._is_shared = self.is_complete

    def _take(self, numbers: Tensor, values: Tensor) -> None:
        self._known[numbers] = values
        self._is_known[numbers] = True

    @property
    def state(self) -> dict[str, Tensor]:
        """What a checkpoint has to remember."""
        return {_NAME: self._known, f"{_NAME}_is_known": self._is_known}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Know what a checkpoint remembers."""
        self._known, self._is_known = state[_NAME].clone(), state[f"{_NAME}_is_known"].clone()
        self._is_shared = self.is_complete
