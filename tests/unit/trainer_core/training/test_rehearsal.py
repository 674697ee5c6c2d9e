"""Models that cannot be trained as they are, found out before the first step."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertLMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.data.collation import Batch
from trainer_core.data.encoding import IGNORED, EncodedRow
from trainer_core.training.rehearsal import Logits, check_order, is_batch_of_rows, rehearse
from trainer_core.training.room import Room

SMALL: dict[str, Any] = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
ROOM = Room(batch_size=4, max_tokens=None, gradient_checkpointing=False)


def row(*ids: int) -> EncodedRow:
    """The last two tokens are learned."""
    tokens = torch.tensor([ids])
    labels = torch.full_like(tokens, IGNORED)
    labels[0, -3:-1] = tokens[0, -2:]
    return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "labels": labels}


ROWS = [row(5, 6, 7), row(8, 9, 3, 2, 1), row(1, 2, 3, 4)]


def logits_of(model: PreTrainedModel) -> Logits:
    def logits(batch: Batch) -> Tensor:
        with torch.no_grad():
            told: Tensor = model(**{name: value for name, value in batch.items() if name != "labels"}).logits
        return told[batch["labels"] != IGNORED]

    return logits


def llama() -> PreTrainedModel:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SMALL, intermediate_size=16))
    model.eval()
    return model


def test_a_causal_model_may_be_trained() -> None:
    assert rehearse(logits_of(llama()), [ROWS], ROOM, 0, torch.float32)


def test_a_model_that_sees_its_answers_is_refused() -> None:
    model = BertLMHeadModel(BertConfig(**SMALL, intermediate_size=16)).eval()

    with pytest.raises(TrainerError, match="sees the answers that it should learn to write") as refused:
        check_order(logits_of(model), ROWS[0], torch.float32)

    assert refused.value.code is FailureCode.BASE_MODEL_UNUSABLE


def test_logits_that_do_not_depend_on_their_token_are_refused() -> None:
    def logits(batch: Batch) -> Tensor:
        return torch.ones(int((batch["labels"] != IGNORED).sum()), 50)

    with pytest.raises(TrainerError, match="does not tell of the tokens"):
        check_order(logits, ROWS[0], torch.float32)


def test_rows_that_a_model_does_not_compute_are_told_by_what_they_are_made_of() -> None:
    def logits(_batch: Batch) -> Tensor:
        raise ValueError("it needs pixels")

    message = "cannot compute rows of attention_mask, input_ids: ValueError: it needs pixels"
    with pytest.raises(TrainerError, match=message):
        rehearse(logits, [ROWS], ROOM, 0, torch.float32)


def test_rows_have_the_same_losses_in_batches() -> None:
    assert is_batch_of_rows(logits_of(llama()), ROWS, ROOM, 0, torch.float32)


def in_company(batch: Batch) -> Tensor:
    """Logits that depend on the length of the batch."""
    ids = batch["input_ids"]
    return (torch.nn.functional.one_hot(ids, 50).float() * ids.shape[1])[batch["labels"] != IGNORED]


def test_a_model_whose_losses_depend_on_a_rows_neighbours_is_found_out() -> None:
    assert not is_batch_of_rows(in_company, ROWS, ROOM, 0, torch.float32)


def test_a_model_that_takes_no_batch_of_different_rows_is_found_out() -> None:
    def logits(batch: Batch) -> Tensor:
        if len(batch["input_ids"]) > 1:
            raise ValueError("features and tokens do not match")
        return in_company(batch)

    assert not is_batch_of_rows(logits, ROWS, ROOM, 0, torch.float32)


def test_rows_that_come_one_by_one_have_no_neighbours() -> None:
    assert is_batch_of_rows(in_company, ROWS, Room(1, None, gradient_checkpointing=False), 0, torch.float32)


def test_a_device_that_is_too_small_to_tell_is_left_to_the_first_step() -> None:
    def logits(_batch: Batch) -> Tensor:
        raise torch.OutOfMemoryError("out of memory")

    assert rehearse(logits, [ROWS], ROOM, 0, torch.float32)
