"""Models of SmolVLM-256M's shape with random weights, made on the spot: what they have learned costs no time.

`Shape` is what a benchmark varies; everything else is as the hub's SmolVLM-256M has it, but for the size of images:
one tile of 512 pixels each, 64 tokens.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
)

from tests.families.writing import ids, make_template, make_tokenizer

IMAGE_SIDE = 512
PATCH_SIDE = 16
SCALE = 4
"""Patches that become one token, each way."""
TOKENS_PER_IMAGE = (IMAGE_SIDE // PATCH_SIDE // SCALE) ** 2
CONTEXT_TOKENS = 8192
ROLES = {role: f"<|{role}|>" for role in ("system", "user", "assistant")}


@dataclass(frozen=True)
class Shape:
    """What of a model differs between benchmarks: the defaults are SmolVLM-256M's."""

    tower_layers: int = 12
    tower_width: int = 768
    tower_heads: int = 12
    decoder_layers: int = 30
    decoder_width: int = 576
    decoder_heads: int = 9
    decoder_key_heads: int = 3
    decoder_inner_width: int = 1536
    vocabulary: int = 49_280

    @property
    def tower(self) -> dict[str, Any]:
        """The image tower's config."""
        return {
            "hidden_size": self.tower_width,
            "intermediate_size": 4 * self.tower_width,
            "num_hidden_layers": self.tower_layers,
            "num_attention_heads": self.tower_heads,
            "image_size": IMAGE_SIDE,
            "patch_size": PATCH_SIDE,
        }

    @property
    def decoder(self) -> dict[str, Any]:
        """The language model's config."""
        return {
            "model_type": "llama",
            "hidden_size": self.decoder_width,
            "intermediate_size": self.decoder_inner_width,
            "num_hidden_layers": self.decoder_layers,
            "num_attention_heads": self.decoder_heads,
            "num_key_value_heads": self.decoder_key_heads,
            "vocab_size": self.vocabulary,
            "max_position_embeddings": CONTEXT_TOKENS,
            "rms_norm_eps": 1e-5,
            "rope_parameters": {"rope_type": "default", "rope_theta": 100_000.0},
        }


SMOLVLM_256M = Shape()
TINY = Shape(tower_layers=1, tower_width=64, tower_heads=2, decoder_layers=2, decoder_width=144, vocabulary=1024)
"""To try programs with."""


def write_model(folder: Path, shape: Shape, seed: int = 0) -> None:
    """Leave a model in `folder`, as `from_pretrained` reads it; the same seed gives the same weights."""
    processor = make_processor()
    special = ids(processor.tokenizer, pad_token_id="<pad>", eos_token_id="<end_of_utterance>")
    config = Idefics3Config(
        vision_config=shape.tower,
        text_config={**shape.decoder, **special, "bos_token_id": None},
        scale_factor=SCALE,
        tie_word_embeddings=False,
        **ids(processor.tokenizer, image_token_id="<image>", pad_token_id="<pad>"),
    )
    torch.manual_seed(seed)
    Idefics3ForConditionalGeneration(config).save_pretrained(folder)
    processor.save_pretrained(folder)


def make_processor() -> Any:
    """Idefics3's own, with a small tokenizer made on the spot; a turn ends with its stop token and nothing more."""
    tokenizer = make_tokenizer(
        "<end_of_utterance>",
        tokens=sorted(ROLES.values()),
        image_token="<image>",
        fake_image_token="<fake_token_around_image>",
        global_image_token="<global-img>",
        end_of_utterance_token="<end_of_utterance>",
    )
    tokenizer.model_max_length = CONTEXT_TOKENS
    template = make_template(ROLES, picture="<image>", end="<end_of_utterance>", asked=ROLES["assistant"])
    side = {"longest_edge": IMAGE_SIDE}
    return Idefics3Processor(
        Idefics3ImageProcessor(size=side, max_image_size=side),
        tokenizer,
        image_seq_len=TOKENS_PER_IMAGE,
        chat_template=template,
    )
