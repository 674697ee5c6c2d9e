"""Every family that is tried, and how to make a folder of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, GenerationConfig

from tests.families import images_of_any_size, square_images, text
from tests.families.sizes import Parts


@dataclass(frozen=True)
class Family:
    """Models that share an architecture."""

    name: str
    make: Callable[[], Parts]
    reads_images: bool = True
    has_chat_template: bool = True
    takes_several_images: bool = True
    takes_rows_without_images: bool = True

    def build(self, folder: Path) -> Path:
        """Write a tiny model of this family, as `save_pretrained` does."""
        processor, config = self.make()
        auto: Any = AutoModelForImageTextToText if self.reads_images else AutoModelForCausalLM
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = auto.from_config(config, dtype=torch.float32)
        tokenizer: Any = getattr(processor, "tokenizer", processor)
        model.generation_config = GenerationConfig(
            do_sample=False, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
        )
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        return folder


FAMILIES = [
    Family("llava", square_images.llava),
    Family("llava_next", square_images.llava_next),
    Family("llava_onevision", square_images.llava_onevision),
    Family("idefics3", square_images.idefics3),
    Family("smolvlm", square_images.smolvlm),
    Family("qwen2_vl", images_of_any_size.qwen2_vl),
    Family("qwen2_5_vl", images_of_any_size.qwen2_5_vl),
    Family("qwen3_vl", images_of_any_size.qwen3_vl),
    Family("gemma3", square_images.gemma3),
    Family("paligemma", square_images.paligemma, has_chat_template=False, takes_rows_without_images=False),
    Family("internvl", square_images.internvl),
    Family("mllama", square_images.mllama),
    Family("pixtral", images_of_any_size.pixtral),
    Family("mistral3", images_of_any_size.mistral3),
    Family(
        "blip_2",
        square_images.blip_2,
        has_chat_template=False,
        takes_several_images=False,
        takes_rows_without_images=False,
    ),
    Family("lfm2_vl", images_of_any_size.lfm2_vl),
    Family("gpt2", text.gpt2, reads_images=False, has_chat_template=False),
    Family("llama", text.llama, reads_images=False),
    Family("qwen3", text.qwen3, reads_images=False),
]


def each(**traits: bool) -> pytest.MarkDecorator:
    """Every family that has these traits."""
    chosen = [one for one in FAMILIES if all(getattr(one, name) is value for name, value in traits.items())]
    return pytest.mark.parametrize("family", chosen, ids=lambda family: family.name)
