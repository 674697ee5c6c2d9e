"""Before the first step: does the model compute the rows as they are trained?

Each token from those before it, and a batch's rows as each by itself. Nothing in a config tells: some models see whole
texts, some make their own of a padded batch, and both lose as fine as any. So a few rows are tried.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.data.collation import Batch, collate, micro_batches
from trainer_core.data.encoding import IGNORED, NO_INPUTS, EncodedRow
from trainer_core.training.failures import is_out_of_memory
from trainer_core.training.packing import TOLERANCE
from trainer_core.training.room import Room

Logits = Callable[[Batch], Tensor]
"""`(batch with N targets) -> (N, V)`, from first row to last."""
_BATCH_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.1}
"""Mean difference of log-probabilities that rounding explains."""


def rehearse(
    logits: Logits, examples: Sequence[Sequence[EncodedRow]], room: Room, pad_token_id: int, dtype: torch.dtype
) -> bool:
    """Try some rows of each kind; True if they have the losses in batches, as the run makes them, that they have alone.

    Where the device is too small to tell, the first step finds out what there is room for.

    Args:
        logits: Of the model that is trained.
        examples: Rows of each kind.
        room: How large a batch may be.
        pad_token_id: Fills rows up.
        dtype: In which the run computes.

    Raises:
        TrainerError: The model cannot be trained on such rows.
    """
    try:
        for rows in examples:
            check_order(logits, rows[0], dtype)
        return all(is_batch_of_rows(logits, rows, room, pad_token_id, dtype) for rows in examples)
    except Exception as error:
        if is_out_of_memory(error):
            return True
        raise


def check_order(logits: Logits, row: EncodedRow, dtype: torch.dtype) -> None:
    """See that the last answer's tokens depend on what stands before them, and not on themselves.

    Raises:
        TrainerError: They do otherwise, or the model does not compute such a row at all.
    """
    try:
        told = [logits(collate([one], 0)).float() for one in (row, *_changed(row))]
    except Exception as error:
        if is_out_of_memory(error):
            raise
        names = ", ".join(sorted(row.keys() - set(NO_INPUTS)))
        message = f"the base model cannot compute rows of {names}: {type(error).__name__}: {error}"
        raise TrainerError(FailureCode.BASE_MODEL_UNUSABLE, message) from error
    plain, without_target, without_reason = told
    largest = plain.abs().max() * TOLERANCE[dtype]
    if (plain - without_target).abs().max() > largest:
        message = "the base model sees the answers that it should learn to write: it is no causal language model"
        raise TrainerError(FailureCode.BASE_MODEL_UNUSABLE, message)
    if torch.equal(plain[-1], without_reason[-1]):
        message = "the base model does not tell of the tokens that it is given, one by one"
        raise TrainerError(FailureCode.BASE_MODEL_UNUSABLE, message)


def is_batch_of_rows(
    logits: Logits, rows: Sequence[EncodedRow], room: Room, pad_token_id: int, dtype: torch.dtype
) -> bool:
    """True if rows of one kind have the same losses in batches as by themselves."""
    groups = [one for one in micro_batches(rows, room.batch_size, room.max_tokens) if len(one) > 1]
    alone = [torch.cat([_scores(logits, [row], pad_token_id) for row in group]) for group in groups]
    try:
        together = [_scores(logits, group, pad_token_id) for group in groups]
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        return False  # a batch of pictures of several sizes, say, is nothing for this model
    differences = [one - other for one, other in zip(alone, together, strict=True)]
    return not groups or float(torch.cat(differences).abs().mean()) <= _BATCH_TOLERANCE[dtype]


def _scores(logits: Logits, rows: Sequence[EncodedRow], pad_token_id: int) -> Tensor:
    """Log-probabilities of all targets, row by row."""
    batch = collate(rows, pad_token_id)
    told, targets = logits(batch).float().log_softmax(-1), batch["labels"]
    return told.gather(1, targets[targets != IGNORED][:, None].to(told.device))[:, 0]


def _last_place(row: EncodedRow) -> int:
    """The last position that has a target, which stands right behind it."""
    return int((row["labels"][0] != IGNORED).nonzero()[-1])


def _changed(row: EncodedRow) -> Iterator[EncodedRow]:
    """The row with another token in the place of its last target, and in the place before."""
    last = _last_place(row)
    for place in (last + 1, last):
        ids = row["input_ids"].clone()
        others = row["labels"][(row["labels"] != IGNORED) & (row["labels"] != ids[0, place])]
        ids[0, place] = others[0] if len(others) else ids[0, last]
        yield {**row, "input_ids": ids}
