"""How small tiny models are."""

from typing import Any

from transformers import PreTrainedConfig

from tests.families.writing import MAX_TOKENS
from trainer_core.data.rendering import Processor

WIDTH = 64
SIDE = 32
PATCH = 8
LAYERS: dict[str, Any] = {
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
DECODER: dict[str, Any] = {**LAYERS, "num_key_value_heads": 2, "max_position_embeddings": MAX_TOKENS}
TOWER: dict[str, Any] = {**LAYERS, "image_size": SIDE, "patch_size": PATCH}
EXPERTS: dict[str, Any] = {
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "shared_expert_intermediate_size": 32,
}
LINEAR_ATTENTION: dict[str, Any] = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
}
SQUARE = {"height": SIDE, "width": SIDE}
PINPOINTS = [[SIDE, 2 * SIDE], [2 * SIDE, SIDE]]
Parts = tuple[Processor, PreTrainedConfig]


def text_config(tokenizer: Any, **more: Any) -> dict[str, Any]:
    """The decoder's config."""
    special = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    return {**DECODER, **special, "bos_token_id": tokenizer.bos_token_id, "vocab_size": len(tokenizer), **more}


def rope(**sections: Any) -> dict[str, Any]:
    """Rotary positions, of several dimensions where sections are given."""
    return {"rope_type": "default", "rope_theta": 10000.0, **sections}
