"""Several whole rows in one sequence, without padding, if the model is shown to keep them apart.

A model keeps rows apart where positions that start anew make its attention stop there. Not every model does, and
nothing tells which: so the packed logits are compared with those of the rows by themselves before the first step.

S tokens of all rows together.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pytorch_lightning.utilities import move_data_to_device
from torch import Tensor
from transformers import PreTrainedModel

from trainer_core.data.collation import Batch, collate, has_images, joined, model_inputs
from trainer_core.data.encoding import EncodedRow
from trainer_core.training.modes import in_evaluation

Positions = Callable[[PreTrainedModel, EncodedRow], Tensor]
"""Positions of one row, its tokens in the last dimension."""
Way = Literal["restarting", "of_axes"]
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2}
"""Greatest difference of a logit, as a part of the largest one; rows that are not kept apart differ by about 1."""


@dataclass(frozen=True)
class Pack:
    """Makes one batch of some rows, in one of the ways that there are."""

    model: PreTrainedModel
    way: Way

    def __call__(self, rows: Sequence[EncodedRow]) -> Batch:
        """One sequence of whole rows."""
        return _packed(self.model, rows, _POSITIONS[self.way])


def find_way_for_all(
    model: PreTrainedModel, examples: Sequence[Sequence[EncodedRow]], dtype: torch.dtype
) -> tuple[Way | None, float]:
    """A way to pack rows of every kind, None if there is none; and the difference of the kind that is worst."""
    pack, difference = max((find_packing(model, rows, dtype) for rows in examples), key=lambda one: one[1])
    return pack.way if pack else None, difference


def find_packing(model: PreTrainedModel, rows: Sequence[EncodedRow], dtype: torch.dtype) -> tuple[Pack | None, float]:
    """A way to pack rows that changes no logit, None if there is none; and the least difference that was seen.

    Args:
        model: In training it computes as it does here, but for dropout.
        rows: Some of one kind; one by itself is packed with itself.
        dtype: In which the run computes.
    """
    with in_evaluation(model):
        differences = list(_differences(model, rows if len(rows) > 1 else [*rows, *rows]))
    best, difference = min(differences, key=lambda one: one[1], default=(None, float("inf")))
    return (best, difference) if difference <= TOLERANCE[dtype] else (None, difference)


def _differences(model: PreTrainedModel, rows: Sequence[EncodedRow]) -> Iterator[tuple[Pack, float]]:
    """Each way to pack that the model takes, with how far its logits are off."""
    alone = torch.cat([_logits(model, collate([row], 0))[0] for row in rows])
    for way in _POSITIONS:
        pack = Pack(model, way)
        try:
            together = _logits(model, pack(rows))[0]
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
            continue  # such positions are not for this model
        if together.shape == alone.shape:
            yield pack, float((together - alone).abs().max() / alone.abs().max())


def _logits(model: PreTrainedModel, batch: Batch) -> Tensor:
    logits: Tensor = model(**move_data_to_device(model_inputs(batch), model.device), use_cache=False).logits
    return logits.float()


def _packed(model: PreTrainedModel, rows: Sequence[EncodedRow], positions: Positions) -> Batch:
    """One sequence: what is per token is joined along the tokens, the rest along its first dimension, (1, S)."""
    names = dict.fromkeys(name for row in rows for name in row if name != "attention_mask")
    batch = {name: _together(rows, name) for name in names}
    return {**batch, "position_ids": torch.cat([positions(model, row) for row in rows], dim=-1)}


def _together(rows: Sequence[EncodedRow], name: str) -> Tensor:
    tensors = [row[name] for row in rows if name in row]
    is_per_token = all(name in row and row[name].shape == row["input_ids"].shape for row in rows)
    return torch.cat(tensors, dim=1) if is_per_token else joined(tensors)


def _restarting(_model: PreTrainedModel, row: EncodedRow) -> Tensor:
    """From 0 in each row: (1, T)."""
    return torch.arange(row["input_ids"].shape[1])[None]


def _of_axes(model: PreTrainedModel, row: EncodedRow) -> Tensor:
    """From 0 in each row, and beside them the model's own positions in time, height and width: (4, 1, T)."""
    plain = _restarting(model, row)
    if not has_images(row):
        return plain.expand(4, 1, -1)
    own: Any = model.base_model.get_rope_index
    takes = inspect.signature(own).parameters
    axes, _ = own(**{name: value for name, value in _on(model, row).items() if name in takes})
    return torch.cat([plain[None], axes.cpu()])


def _on(model: PreTrainedModel, row: EncodedRow) -> Mapping[str, Tensor]:
    moved: Mapping[str, Tensor] = move_data_to_device(row, model.device)
    return moved


_POSITIONS: dict[Way, Positions] = {"restarting": _restarting, "of_axes": _of_axes}
