"""The model class's logits: those of the tokens, whatever else a model tells of."""

from typing import Any

import torch
from transformers import GitConfig, GitForCausalLM

from trainer_core.module import HFAutoModelForImageTextToText


def test_places_that_a_model_puts_before_its_tokens_do_not_count() -> None:
    small: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    vision = {**small, "image_size": 16, "patch_size": 8}
    module = HFAutoModelForImageTextToText()
    module.model = GitForCausalLM(GitConfig(**small, vocab_size=20, vision_config=vision))
    tokens = torch.tensor([[1, 2, 3]])
    batch = {"input_ids": tokens, "pixel_values": torch.zeros(1, 3, 16, 16), "labels": tokens}

    assert module.forward({name: batch[name] for name in ("input_ids", "pixel_values")}).logits.shape[1] > 3
    assert module.token_logits(batch).shape == (1, 3, 20)
    assert module.loss(batch).isfinite()
