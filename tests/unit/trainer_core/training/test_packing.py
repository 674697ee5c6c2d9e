"""Rows in one sequence, where the model keeps them apart."""

from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MambaConfig, MambaForCausalLM

from trainer_core.data.encoding import EncodedRow
from trainer_core.training.packing import find_packing

SMALL: dict[str, Any] = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2}


def row(*ids: int) -> EncodedRow:
    tokens = torch.tensor([ids])
    return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "labels": tokens}


ROWS = [row(5, 6, 7), row(8, 9), row(1, 2, 3, 4)]


def test_rows_of_a_model_with_rotary_positions_are_packed() -> None:
    model = LlamaForCausalLM(LlamaConfig(**SMALL, num_attention_heads=2, intermediate_size=16))

    pack, difference = find_packing(model, ROWS, torch.float32)

    assert pack is not None
    assert difference < 1e-5
    batch = pack(ROWS)
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 9, 1, 2, 3, 4]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1, 0, 1, 2, 3]]
    assert "attention_mask" not in batch


def test_a_model_that_reads_on_from_row_to_row_is_not_packed() -> None:
    model = MambaForCausalLM(MambaConfig(**SMALL, state_size=4))

    pack, difference = find_packing(model, ROWS, torch.float32)

    assert pack is None
    assert difference > 0.01


def test_one_row_is_tried_with_itself() -> None:
    config = GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)

    pack, _ = find_packing(GPT2LMHeadModel(config), ROWS[:1], torch.float32)

    assert pack is not None


@pytest.mark.parametrize("is_training", [True, False])
def test_the_model_is_left_as_it_was(is_training: bool) -> None:  # noqa: FBT001 - a parameter
    model = LlamaForCausalLM(LlamaConfig(**SMALL, num_attention_heads=2, intermediate_size=16)).train(is_training)

    find_packing(model, ROWS, torch.float32)

    assert model.training is is_training
