"""Encoded rows to batches: padded on the right, whatever the processor made kept.

B rows, T tokens of the longest of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from trainer_core.data.encoding import IGNORED, IMAGE_KEYS, NO_INPUTS, EncodedRow
from trainer_core.data.pixels import has_pixels

Batch = dict[str, Tensor]


def has_images(row: EncodedRow) -> bool:
    """True if a row names images or holds fractions: pixels; everything else that processors make is whole."""
    return IMAGE_KEYS in row or has_pixels(row)


def model_inputs(batch: Mapping[str, Any]) -> dict[str, Any]:
    """What of a row or a batch the model is given."""
    return {name: value for name, value in batch.items() if name not in NO_INPUTS}


def micro_batches(
    rows: Sequence[EncodedRow], batch_size: int, max_tokens: int | None = None, *, padded: bool = True
) -> list[list[EncodedRow]]:
    """Rows in groups for one forward pass each: alike in what they are made of, and near in length.

    Args:
        rows: Of one step, in any order.
        batch_size: Most rows of a group.
        max_tokens: Most tokens of a group; a row that is longer by itself comes alone.
        padded: True if all rows of a group become as long as its longest.
    """
    groups: list[list[EncodedRow]] = []
    for row in sorted(rows, key=_kind_and_length):
        is_alike = groups and len(groups[-1]) < batch_size and groups[-1][0].keys() == row.keys()
        if is_alike and (max_tokens is None or _total([*groups[-1], row], padded=padded) <= max_tokens):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _total(group: Sequence[EncodedRow], *, padded: bool) -> int:
    lengths = [_num_tokens(row) for row in group]
    return max(lengths) * len(lengths) if padded else sum(lengths)


def _kind_and_length(row: EncodedRow) -> tuple[list[str], int]:
    return sorted(row), _num_tokens(row)


def _num_tokens(row: EncodedRow) -> int:
    return row["input_ids"].shape[1]


def collate(rows: Sequence[EncodedRow], pad_token_id: int) -> Batch:
    """One batch: what is per token becomes (B, T), the rest is joined along its first dimension.

    Rows need not have the same entries: one without an image adds nothing to the pixels. Where pictures differ in
    size they are filled up with zeros, as processors do within a row.
    """
    fill = {"input_ids": pad_token_id, "labels": IGNORED}
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: joined([row[name] for row in rows if name in row], fill.get(name, 0)) for name in names}


def joined(tensors: Sequence[Tensor], fill: int = 0) -> Tensor:
    """Tensors along their first dimension, the others filled up to the largest."""
    sizes = [max(lengths) for lengths in zip(*(tensor.shape[1:] for tensor in tensors), strict=True)]
    return torch.cat([_filled_up(tensor, sizes, fill) for tensor in tensors])


def _filled_up(tensor: Tensor, sizes: Sequence[int], fill: int) -> Tensor:
    missing = [size - length for size, length in zip(sizes, tensor.shape[1:], strict=True)]
    if not any(missing):
        return tensor
    # torch counts from the last dimension: (before, after) for each.
    return pad(tensor, [amount for one in reversed(missing) for amount in (0, one)], value=fill)
