"""Encoding and collation beside the processors of other families, which tile, pack and number their pictures."""

import base64
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
    LlamaConfig,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

from trainer_core.data.collation import collate
from trainer_core.data.encoding import IGNORED, Encoder
from trainer_core.data.reader import Line
from trainer_core.data.rendering import Processor
from trainer_core.data.rows import Row
from trainer_core.module import HFAutoModelForImageTextToText

TEMPLATE = (
    "{% for message in messages %}{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'image' %}PICTURE{% else %}{{ part.text }}{% endif %}{% endfor %}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}assistant\n{% endif %}"
)
SMALL: dict[str, Any] = {"intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def tokenizer_with(starter_dir: Any, tokens: list[str]) -> Any:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(starter_dir)
    tokenizer.add_special_tokens({"additional_special_tokens": tokens})
    return tokenizer


def qwen(starter_dir: Any) -> tuple[Processor, torch.nn.Module]:
    """Pictures of any size, as one long list of patches; positions in three dimensions."""
    names = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer = tokenizer_with(starter_dir, names)
    start, end, image, video = (tokenizer.vocab[name] for name in names)
    processor = Qwen2_5_VLProcessor(
        Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=16 * 28 * 28),
        tokenizer,
        Qwen2VLVideoProcessor(),
        chat_template=TEMPLATE.replace("PICTURE", "<|vision_start|><|image_pad|><|vision_end|>"),
    )
    config = Qwen2_5_VLConfig(
        text_config={
            **SMALL,
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0},
        },
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 32,
            "fullatt_block_indexes": [1],
        },
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )  # fmt: skip
    return processor, Qwen2_5_VLForConditionalGeneration(config)


def idefics(starter_dir: Any) -> tuple[Processor, torch.nn.Module]:
    """Pictures cut into tiles, more for larger ones, with tokens of their own between them."""
    rows = [f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)]
    tokenizer = tokenizer_with(starter_dir, ["<fake_token_around_image>", "<global-img>", *rows])
    processor = Idefics3Processor(
        Idefics3ImageProcessor(size={"longest_edge": 96}, max_image_size={"longest_edge": 48}),
        tokenizer,
        image_seq_len=4,
        chat_template=TEMPLATE.replace("PICTURE", "<image>"),
    )
    config = Idefics3Config(
        vision_config={**SMALL, "image_size": 48, "patch_size": 12, "hidden_size": 32},
        text_config=LlamaConfig(**SMALL, vocab_size=len(tokenizer), hidden_size=32, pad_token_id=0),
        scale_factor=2,
        image_token_id=tokenizer.vocab["<image>"],
    )
    return processor, Idefics3ForConditionalGeneration(config)


@pytest.fixture
def rows(chat: Callable[..., dict[str, Any]]) -> list[Row]:
    """One picture, two in two turns, none, and a large one."""
    encoded = BytesIO()
    Image.effect_noise((90, 150), 50).save(encoded, "PNG")
    large = chat("a lot of noise")
    large["messages"][0]["content"][0]["image_url"]["url"] = (
        f"data:image/png;base64,{base64.b64encode(encoded.getvalue()).decode()}"
    )
    two = {"messages": chat("1")["messages"] + chat("and two")["messages"]}
    return [Row.model_validate(row) for row in (chat(), two, chat(shade=None), large)]


@pytest.mark.parametrize("make", [qwen, idefics])
def test_a_batch_has_the_loss_of_its_rows(
    starter_dir: Any, rows: list[Row], make: Callable[[Any], tuple[Processor, Any]]
) -> None:
    processor, model = make(starter_dir)
    module = HFAutoModelForImageTextToText(processor=processor)
    module.model = model.eval()
    encoder = Encoder(processor)
    encoded = [encoder(Line(number, 0, 0), row) for number, row in enumerate(rows)]
    num_targets = torch.tensor([int((row["labels"] != IGNORED).sum()) for row in encoded])

    with torch.no_grad():
        of_rows = torch.stack([module.loss(row) for row in encoded])
        of_batch = module.loss(collate(encoded, encoder.pad_token_id))

    assert torch.allclose(of_batch, (of_rows * num_targets).sum() / num_targets.sum(), atol=1e-5)
