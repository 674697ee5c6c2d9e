"""Encoded rows to batches: padded on the right, whatever the processor made kept.

B rows, T tokens of the longest of them.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from trainer_core.data.encoding import IGNORED, EncodedRow

Batch = dict[str, Tensor]


class StepCollator:
    """Collates the rows of one optimizer step into batches of at most `batch_size` rows."""

    def __init__(self, batch_size: int, pad_token_id: int) -> None:
        self._batch_size = batch_size
        self._pad_token_id = pad_token_id

    def __call__(self, rows: Sequence[EncodedRow]) -> list[Batch]:
        """Batches for one step, in the order of the rows."""
        starts = range(0, len(rows), self._batch_size)
        return [collate(rows[start : start + self._batch_size], self._pad_token_id) for start in starts]


def collate(rows: Sequence[EncodedRow], pad_token_id: int) -> Batch:
    """One batch: what is per token becomes (B, T), the rest is joined along its first dimension.

    Rows need not have the same entries: one without an image adds nothing to the pixels. Where pictures differ in
    size they are filled up with zeros, as processors do within a row.
    """
    fill = {"input_ids": pad_token_id, "labels": IGNORED}
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _joined([row[name] for row in rows if name in row], fill.get(name, 0)) for name in names}


def _joined(tensors: Sequence[Tensor], fill: int) -> Tensor:
    sizes = [max(lengths) for lengths in zip(*(tensor.shape[1:] for tensor in tensors), strict=True)]
    return torch.cat([_filled_up(tensor, sizes, fill) for tensor in tensors])


def _filled_up(tensor: Tensor, sizes: Sequence[int], fill: int) -> Tensor:
    missing = [size - length for size, length in zip(sizes, tensor.shape[1:], strict=True)]
    if not any(missing):
        return tensor
    # torch counts from the last dimension: (before, after) for each.
    return pad(tensor, [amount for one in reversed(missing) for amount in (0, one)], value=fill)
