"""The model answers held-out questions: greedily, in batches without padding, so that every family can."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from pytorch_lightning.utilities import move_data_to_device
from torch import Tensor

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.data.collation import collate
from trainer_core.data.dataset import EncodedRows
from trainer_core.data.encoding import IGNORED, EncodedRow
from trainer_core.data.rendering import control_tokens
from trainer_core.training.failures import is_out_of_memory


@dataclass(frozen=True)
class Question:
    """A held-out row without its last answer."""

    index: int
    """Of the sample among the held-out ones."""
    prompt: EncodedRow
    target: Tensor
    """Token ids of the answer with its stop token."""

    @property
    def kind(self) -> tuple[list[str], list[tuple[int, ...]]]:
        """Questions of one kind can be answered together as they are."""
        return sorted(self.prompt), [tuple(self.prompt[name].shape[1:]) for name in sorted(self.prompt)]


def questions(rows: EncodedRows, num_rows: int) -> list[Question]:
    """The first held-out rows as questions."""
    found = []
    for index in range(min(num_rows, len(rows))):
        prompt, whole = rows.prompt(index), rows[index]
        labels = whole["labels"][0, prompt["input_ids"].shape[1] - 1 :]
        found.append(Question(index, prompt, labels[labels != IGNORED]))
    return found


def answers(
    model: Any, asked: Sequence[Question], *, batch_size: int, max_new_tokens: int, stop_ids: Sequence[int]
) -> Iterator[tuple[Question, Tensor]]:
    """Each question with the token ids that the model wrote, its stop token included where it came to one."""
    for _, alike in groupby(sorted(asked, key=lambda one: one.kind), key=lambda one: one.kind):
        waiting = list(alike)
        for start in range(0, len(waiting), batch_size):
            batch = waiting[start : start + batch_size]
            yield from zip(batch, _written(model, batch, max_new_tokens, stop_ids), strict=True)


def stop_ids(tokenizer: Any, model: Any, targets: Iterable[Tensor]) -> list[int]:
    """Tokens that end an answer: the model's own, and whatever special tokens the targets end with."""
    own = model.generation_config.eos_token_id
    found = {*(own if isinstance(own, list) else [own]), tokenizer.eos_token_id}
    ends = {int(target[-1]) for target in targets if len(target)}
    return sorted((found | (ends & set(control_tokens(tokenizer).values()))) - {None})


def stop_where_taught(tokenizer: Any, model: Any, rows: Iterable[EncodedRow]) -> None:
    """Have a model's own settings end an answer with what the rows teach, which a base model's need not name."""
    stops = stop_ids(tokenizer, model, (row["labels"][row["labels"] != IGNORED] for row in rows))
    model.generation_config.eos_token_id = stops[0] if len(stops) == 1 else stops or None


def _written(model: Any, batch: Sequence[Question], max_new_tokens: int, stops: Sequence[int]) -> list[Tensor]:
    """Answers to a batch; one by one where the model does not take several questions with their pixels.

    A run that keeps what a tower makes of images has seen batches without pixels alone.
    """
    try:
        return list(_write(model, batch, max_new_tokens, stops))
    except RuntimeError as error:
        if len(batch) == 1 or is_out_of_memory(error):
            raise
        return [ids for one in batch for ids in _write(model, [one], max_new_tokens, stops)]


def _write(model: Any, batch: Sequence[Question], max_new_tokens: int, stops: Sequence[int]) -> Iterator[Tensor]:
    inputs = move_data_to_device(collate([one.prompt for one in batch], 0), model.device)
    how = {"max_new_tokens": max_new_tokens, "do_sample": False, "num_beams": 1, "pad_token_id": stops[0]}
    try:
        with torch.no_grad():
            written = model.generate(**inputs, **how, eos_token_id=list(stops))
    except TypeError as error:  # a way to write of its own, which takes other arguments
        message = f"the base model cannot be asked to write as others are: {error}; leave evaluation.generation out"
        raise TrainerError(FailureCode.BASE_MODEL_UNUSABLE, message) from error
    for ids in written[:, inputs["input_ids"].shape[1] :].cpu():
        ends = torch.isin(ids, torch.tensor(stops)).nonzero()
        yield ids[: int(ends[0]) + 1] if len(ends) else ids
