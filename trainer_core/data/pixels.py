"""Which entries of a row are its images, which only tell of them, and what an image is called.

Names differ from processor to processor; kinds do not.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Literal

import torch
from torch import Tensor

from trainer_core.data.encoding import IMAGE_KEYS, NO_INPUTS, EncodedRow
from trainer_core.data.processing import ONCE_PER_TOKEN, is_per_token

Unit = Literal["image", "row"]
"""What is computed at once: an image by itself, or all images of a row."""


def image_part(row: Mapping[str, Tensor]) -> EncodedRow:
    """What a row has beside its tokens: pixels, and whatever tells of their number and size."""
    ids = row["input_ids"]
    return {name: value for name, value in row.items() if name not in NO_INPUTS and not is_per_token(value, ids)}


def without_pixels(row: Mapping[str, Tensor]) -> EncodedRow:
    """A row or a batch without pixels and their masks; what tells of their number and size stays."""
    ids = row["input_ids"]
    return {name: value for name, value in row.items() if name in NO_INPUTS or not _is_pixels(value, ids)}


def has_pixels(row: Mapping[str, Tensor]) -> bool:
    """True unless they were left out."""
    return any(value.is_floating_point() for value in row.values())


def keys_of(row: Mapping[str, Tensor], unit: Unit) -> list[str]:
    """Names of a row's units by their content, in their order."""
    if IMAGE_KEYS not in row:
        return []
    digests = [bytes(one.flatten().tolist()) for one in row[IMAGE_KEYS]]
    if unit == "row" and len(digests) > 1:
        digests = [sha256(b"".join(digests)).digest()]
    return [one.hex() for one in digests]


def keyed_by(unit: Unit, row: EncodedRow) -> EncodedRow:
    """The row with a key for each unit."""
    if unit == "image" or IMAGE_KEYS not in row:
        return row
    [key] = keys_of(row, unit)
    return {**row, IMAGE_KEYS: torch.frombuffer(bytearray.fromhex(key), dtype=torch.uint8)[None, None]}


def _is_pixels(value: Tensor, ids: Tensor) -> bool:
    return value.is_floating_point() or (value.ndim > ONCE_PER_TOKEN and not is_per_token(value, ids))
