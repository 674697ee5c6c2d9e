"""Every family that is tried, and how to make a folder of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, GenerationConfig

from tests.families import further_images, images_of_any_size, square_images, text
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
    has_image_token: bool = True
    takes_batches: bool = True
    """False if rows with images are computed one by one."""
    is_further: bool = False
    """True if only its labels are looked at in every run of the tests, and the rest in the long ones."""
    num_epochs_by_heart: int = 300
    """After which it knows sixteen rows."""

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
_BASE = {"has_chat_template": False, "takes_several_images": False}
FURTHER = [
    Family("qwen3_5_moe", further_images.qwen3_5_moe, is_further=True),
    Family("gemma4", further_images.gemma4, is_further=True),
    Family("gemma4_unified", further_images.gemma4_unified, is_further=True),
    Family("llama4", further_images.llama4, is_further=True),
    Family("minicpmv4_6", further_images.minicpmv4_6, takes_batches=False, is_further=True),
    Family(
        "instructblip",
        further_images.instructblip,
        **_BASE,
        takes_rows_without_images=False,
        is_further=True,
        num_epochs_by_heart=450,  # it drops activations at random
    ),
    Family("chameleon", further_images.chameleon, has_chat_template=False, is_further=True),
    Family("git", further_images.git, **_BASE, has_image_token=False, is_further=True),
    Family("qwen3_moe", text.qwen3_moe, reads_images=False, is_further=True),
    Family("deepseek_v3", text.deepseek_v3, reads_images=False, is_further=True),
    Family("falcon", text.falcon, reads_images=False, is_further=True),
    Family("falcon_h1", text.falcon_h1, reads_images=False, is_further=True),
]
"""Each has something that none above has."""


def each(**traits: bool) -> pytest.MarkDecorator:
    """Every family that has these traits, but for the further ones."""
    chosen = [one for one in FAMILIES if _has(one, traits)]
    return pytest.mark.parametrize("family", chosen, ids=lambda family: family.name)


def each_of_all(*marks: pytest.MarkDecorator, **traits: bool) -> pytest.MarkDecorator:
    """Every family that has these traits, the further ones with these marks."""
    chosen = [one for one in [*FAMILIES, *FURTHER] if _has(one, traits)]
    params = [pytest.param(one, marks=marks if one.is_further else (), id=one.name) for one in chosen]
    return pytest.mark.parametrize("family", params)


def _has(family: Family, traits: Mapping[str, bool]) -> bool:
    return all(getattr(family, name) is value for name, value in traits.items())
