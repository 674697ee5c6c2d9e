"""Samples by twos: a pair is one conversation with its preferred answer, and the same with the other one.

It is what a step takes as one row. What is known of each sample by itself, its images say, is the samples' own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch.utils.data import Dataset

from trainer_core.data.dataset import EncodedRows
from trainer_core.data.encoding import EncodedRow
from trainer_core.data.reader import Line

ANSWERS = 2
"""Samples of a pair, the preferred one first."""


@dataclass(frozen=True)
class EncodedPair:
    """Both samples of a row."""

    number: int
    """Among all pairs of a run, those to evaluate on after those to train on."""
    chosen: EncodedRow
    rejected: EncodedRow

    @property
    def num_tokens(self) -> int:
        """Of the longer one."""
        return max(one["input_ids"].shape[1] for one in (self.chosen, self.rejected))


class PairedRows(Dataset[EncodedPair]):
    """The pairs that some samples make.

    Args:
        samples: Prepared; each second one belongs to the one before it.
        first_number: Of the first pair.
    """

    def __init__(self, samples: EncodedRows, first_number: int = 0) -> None:
        assert samples.kind == "pair"
        self._samples = samples
        self._first_number = first_number

    def __len__(self) -> int:
        return len(self._samples) // ANSWERS

    def __getitem__(self, index: int) -> EncodedPair:
        chosen, rejected = (self._samples[number] for number in self.samples_of(index))
        return EncodedPair(self._first_number + index, chosen, rejected)

    @property
    def num_tokens(self) -> list[int]:
        """Length of each pair's longer sample."""
        lengths = self._samples.num_tokens
        return [max(lengths[number] for number in self.samples_of(index)) for index in range(len(self))]

    @property
    def has_images(self) -> bool:
        """True if some pair has one."""
        return self._samples.has_images

    def line(self, index: int) -> Line:
        """Where a pair stands in its file."""
        return self._samples.line(ANSWERS * index)

    def samples_of(self, index: int) -> range:
        """Numbers of a pair's samples."""
        return range(ANSWERS * index, ANSWERS * (index + 1))


Rows = EncodedRows | PairedRows
"""What a step takes rows of."""


def as_taken(train_rows: EncodedRows, eval_rows: EncodedRows | None) -> tuple[Rows, Rows | None]:
    """Prepared samples as steps take them: one by one, or in pairs."""
    if train_rows.kind == "conversation":
        return train_rows, eval_rows
    pairs = PairedRows(train_rows)
    return pairs, None if eval_rows is None else PairedRows(eval_rows, len(pairs))


def groups(pairs: Sequence[EncodedPair], batch_size: int, max_tokens: int | None = None) -> list[list[EncodedPair]]:
    """Pairs in groups for one forward pass each: alike in what they are made of, and near in length.

    Args:
        pairs: Of one step, in any order.
        batch_size: Most pairs of a group.
        max_tokens: Most tokens of a group, padding and both samples counted; a pair that is longer comes alone.
    """
    found: list[list[EncodedPair]] = []
    for pair in sorted(pairs, key=lambda one: (sorted(one.chosen), one.num_tokens)):
        is_alike = found and len(found[-1]) < batch_size and found[-1][0].chosen.keys() == pair.chosen.keys()
        if is_alike and (max_tokens is None or ANSWERS * (len(found[-1]) + 1) * pair.num_tokens <= max_tokens):
            found[-1].append(pair)
        else:
            found.append([pair])
    return found
