"""Direct preference optimization: a job whose rows are pairs of answers (Rafailov et al. 2023).

B pairs of a micro-batch. Their 2B answers, the preferred ones first, are computed in one forward pass.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from trainer_core.contract.spec import Dpo, Lora
from trainer_core.data.chance import seed_step
from trainer_core.data.collation import collate
from trainer_core.data.encoding import IGNORED, EncodedRow
from trainer_core.data.pairing import ANSWERS, EncodedPair, groups
from trainer_core.data.pixels import keyed_by, without_pixels
from trainer_core.models.head import are_many, log_probabilities, log_probabilities_by_parts
from trainer_core.module import Batch
from trainer_core.training import ranks
from trainer_core.training.fine_tuning import FineTuning, num_supervised
from trainer_core.training.modes import in_evaluation
from trainer_core.training.reference import Reference
from trainer_core.training.room import Room, in_room

REWARDS = ("rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies")
"""Means that are told, by the names that they have in TRL."""


@dataclass(frozen=True)
class PairBatch:
    """Pairs that are computed at once."""

    numbers: Tensor
    """(B) int64."""
    forwards: list[Batch]
    """One batch of all 2B answers, or each answer by itself where the model does not take them together."""


def dpo_losses(policy: Tensor, reference: Tensor, beta: float) -> Tensor:
    """The loss of each pair, and its `REWARDS`.

    Args:
        policy: (2B) log-probabilities of the answers, the preferred ones first.
        reference: (2B) those before training.
        beta: How much it costs to depart from them.

    Returns:
        (5, B): -log sigmoid(margin), where a reward is beta * (policy - reference) and the margin that of the preferred
        answer less that of the other one; then both rewards, the margin, and 1 where it is positive.
    """
    rewards = beta * (policy - reference)
    chosen, rejected = rewards.chunk(ANSWERS)
    margins = chosen - rejected
    return torch.stack([-logsigmoid(margins), chosen, rejected, margins, (margins > 0).to(margins.dtype)])


class PreferenceTuning(FineTuning):
    """A job's model, and what its pairs were worth to it at first.

    With an adapter the model of the beginning is always there: the adapter is switched off, once for each pair. Without
    one, all pairs are looked at before the first step.

    Args:
        common: As of `FineTuning`.
        num_pairs: To train and to evaluate on.
        all_pairs: Every pair of this rank, in batches.
        obey: Ends the run if it is asked to end.
    """

    measures = REWARDS

    def __init__(
        self, *common: Any, num_pairs: int, all_pairs: Callable[[], Iterable[Any]], obey: Callable[[], None]
    ) -> None:
        super().__init__(*common)
        assert isinstance(self.spec.objective, Dpo)
        self._beta = self.spec.objective.beta
        self._reference = Reference(num_pairs)
        self._all_pairs = all_pairs
        self._obey = obey
        self._num_pairs = 0
        """Of the step, over all ranks."""
        self._rewards = torch.zeros(len(REWARDS))
        """Summed up over this rank's pairs of the step."""

    @property
    def kept(self) -> dict[str, Tensor]:
        """The reference."""
        self._reference.share()
        return self._reference.state

    def take_kept(self, kept: Mapping[str, Tensor]) -> None:
        """Go on with the reference of a checkpoint."""
        self._reference.restore(kept)

    def get_ready(self) -> None:
        """Without an adapter, know the reference of all pairs before the weights change."""
        super().get_ready()
        if isinstance(self.spec.method, Lora) or self._reference.is_complete:
            return
        for pairs in self._all_pairs():
            self._obey()
            in_room(self.decisions.evaluation_room, partial(self._look_at, pairs))
        self._reference.share()

    def rows_of(self, batch: Any) -> Sequence[EncodedRow]:
        """Both samples of each pair."""
        return [row for pair in batch for row in (pair.chosen, pair.rejected)]

    def training_step(self, batch: Any, batch_idx: int | None = None) -> Tensor:
        """One optimizer step over this rank's pairs, with their rewards."""
        self._num_pairs = ranks.added(len(batch), self.device)
        loss = super().training_step(batch, batch_idx)
        self._reference.share()
        assert self.result is not None
        means = ranks.total(self._rewards) / self._num_pairs
        self.result = replace(self.result, metrics=dict(zip(REWARDS, means.tolist(), strict=True)))
        return loss

    def sums(self, rows: Sequence[EncodedPair]) -> Tensor:
        """Of held-out pairs: loss and rewards, summed up, and last over how many."""
        summed = torch.zeros(1 + len(REWARDS), dtype=torch.float64)
        for batch in self.pair_batches(rows, self.decisions.evaluation_room):
            summed += self._losses(batch).sum(1).double().cpu()
        return torch.cat([summed, torch.tensor([len(rows)], dtype=torch.float64)])

    def pair_batches(self, pairs: Sequence[EncodedPair], room: Room) -> list[PairBatch]:
        """Pairs as batches that fit, still where the pairs are."""
        batch_size = 1 if self.decisions.is_row_by_row else room.batch_size
        return [self._batch(group) for group in groups(pairs, batch_size, room.max_tokens)]

    def _batch(self, pairs: Sequence[EncodedPair]) -> PairBatch:
        rows, unit = [pair.chosen for pair in pairs] + [pair.rejected for pair in pairs], self.decisions.features_of
        if unit is not None:
            rows = [keyed_by(unit, without_pixels(row)) for row in rows]
        together = [[row] for row in rows] if self.decisions.is_row_by_row else [rows]
        numbers = torch.tensor([pair.number for pair in pairs])
        return PairBatch(numbers, [collate(group, self.pad_token_id) for group in together])

    def _backward(self, rows: Sequence[Any], num_tokens: int, step: int) -> Tensor:  # noqa: ARG002
        """The step's loss is the mean over its pairs."""
        seed_step(self.spec.seed, step, ranks.rank())
        summed = torch.zeros(1 + len(REWARDS), device=self.device)
        for batch in self.pair_batches(rows, self.decisions.room):
            losses = self._losses(batch).sum(1)
            self.manual_backward(losses[0] / self._num_pairs)
            summed += losses.detach()
        self._rewards = summed[1:]
        return summed[0] / self._num_pairs

    def _losses(self, batch: PairBatch) -> Tensor:
        """Of each pair, with its rewards: (5, B)."""
        forwards = [self.on_device(one) for one in batch.forwards]
        reference = self._reference.of(batch.numbers)
        if reference is None:
            reference = self._look(batch.numbers, forwards)
        return dpo_losses(self._log_probabilities(forwards), reference.to(self.device), self._beta)

    def _look_at(self, pairs: Sequence[EncodedPair]) -> None:
        for batch in self.pair_batches(pairs, self.decisions.evaluation_room):
            self._look(batch.numbers, [self.on_device(one) for one in batch.forwards])

    def _look(self, numbers: Tensor, forwards: Sequence[Batch]) -> Tensor:
        """What pairs are worth to the model as it was at first, (2B)."""
        with in_evaluation(self.base), self._as_at_first():
            found = self._log_probabilities(forwards)
        torch.clear_autocast_cache()  # it holds weights that were cast without gradients
        self._reference.learn(numbers, found)
        return found

    def _as_at_first(self) -> AbstractContextManager[None]:
        if not isinstance(self.spec.method, Lora):
            return nullcontext()
        from trainer_core.models.adapters import without_adapter  # noqa: PLC0415 - peft takes a second to import

        return without_adapter(self.model)

    def _log_probabilities(self, forwards: Sequence[Batch]) -> Tensor:
        return torch.cat([self._of_answers(batch) for batch in forwards])

    def _of_answers(self, batch: Batch) -> Tensor:
        """Of each row's targets together: (rows)."""
        is_target = batch["labels"] != IGNORED
        targets = batch["labels"][is_target]
        if self.decisions.has_plain_head and are_many(num_supervised(batch), self.num_words):
            inputs = {**self.inputs_of(batch), "logits_to_keep": is_target}
            head = self.base.get_output_embeddings()
            found = log_probabilities_by_parts(head, lambda: self.forward(inputs), targets)
        else:
            found = log_probabilities(self.target_logits(batch, is_target), targets)
        # Not added up by row numbers: on a GPU that would be in any order.
        return found.new_zeros(is_target.shape).masked_scatter(is_target, found).sum(1)
