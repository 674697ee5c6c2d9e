"""Tiny models that take images of any size, with their families' own processors."""

from typing import Any

from transformers import (
    Lfm2VlConfig,
    Lfm2VlImageProcessor,
    Lfm2VlProcessor,
    LlavaConfig,
    Mistral3Config,
    PixtralImageProcessor,
    PixtralProcessor,
    Qwen2_5_VLConfig,
    Qwen2_5_VLProcessor,
    Qwen2VLConfig,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from tests.families.sizes import LAYERS, PATCH, SIDE, TOWER, WIDTH, Parts, rope, text_config
from tests.families.writing import CHATML_TOKENS, chatml, ids, make_template, make_tokenizer

QWEN_IDS = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
}
QWEN_PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"


def qwen_tokenizer() -> Any:
    """With the tokens of control that all of Qwen's models for images share."""
    return make_tokenizer("<|im_end|>", pad="<|endoftext|>", tokens=[*CHATML_TOKENS, *QWEN_IDS.values()])


def qwen2_vl() -> Parts:
    """Images of any size, as one long list of patches; positions in three dimensions."""
    tokenizer = qwen_tokenizer()
    pixels: dict[str, Any] = {"min_pixels": 16 * 16, "max_pixels": 64 * 64, "patch_size": PATCH}
    processor = Qwen2VLProcessor(
        Qwen2VLImageProcessor(**pixels), tokenizer, Qwen2VLVideoProcessor(), chat_template=chatml(QWEN_PICTURE)
    )
    config = Qwen2VLConfig(
        text_config=text_config(tokenizer, rope_parameters=rope(mrope_section=[2, 3, 3])),
        vision_config={
            "depth": 2, "embed_dim": WIDTH, "hidden_size": WIDTH, "mlp_ratio": 2, "num_heads": 4, "patch_size": PATCH,
        },
        **ids(tokenizer, **QWEN_IDS),
    )  # fmt: skip
    return processor, config


def qwen2_5_vl() -> Parts:
    """The same with windows of attention."""
    tokenizer = qwen_tokenizer()
    pixels: dict[str, Any] = {"min_pixels": 16 * 16, "max_pixels": 64 * 64, "patch_size": PATCH}
    processor = Qwen2_5_VLProcessor(
        Qwen2VLImageProcessor(**pixels), tokenizer, Qwen2VLVideoProcessor(), chat_template=chatml(QWEN_PICTURE)
    )
    config = Qwen2_5_VLConfig(
        text_config=text_config(tokenizer, rope_parameters=rope(mrope_section=[2, 3, 3])),
        vision_config={
            "depth": 2, "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_heads": 4, "patch_size": PATCH,
            "out_hidden_size": WIDTH, "window_size": 4 * PATCH, "fullatt_block_indexes": [1],
        },
        **ids(tokenizer, **QWEN_IDS),
    )  # fmt: skip
    return processor, config


def qwen3_vl() -> Parts:
    """The same with features of several of the tower's layers."""
    tokenizer = qwen_tokenizer()
    processor = Qwen3VLProcessor(
        Qwen2VLImageProcessor(min_pixels=16 * 16, max_pixels=64 * 64, patch_size=PATCH),
        tokenizer,
        Qwen3VLVideoProcessor(),
        chat_template=chatml(QWEN_PICTURE),
    )
    config = Qwen3VLConfig(
        text_config=text_config(
            tokenizer, head_dim=16, rope_parameters=rope(mrope_section=[3, 3, 2], mrope_interleaved=True)
        ),
        vision_config={
            "depth": 3, "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_heads": 4, "patch_size": PATCH,
            "out_hidden_size": WIDTH, "num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1],
        },
        **ids(tokenizer, **QWEN_IDS),
    )  # fmt: skip
    return processor, config


def _pixtral_processor(merge: int) -> PixtralProcessor:
    tokenizer = make_tokenizer(
        "</s>",
        begin="<s>",
        tokens=["[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"],
        image_token="[IMG]",
        image_break_token="[IMG_BREAK]",
        image_end_token="[IMG_END]",
    )
    template = make_template(
        {"system": "[SYSTEM_PROMPT]", "user": "[INST]", "assistant": ""},
        picture="[IMG]",
        end="{{ {'system': '[/SYSTEM_PROMPT]', 'user': '[/INST]', 'assistant': eos_token}[message['role']] }}",
        asked="",
        begin="{{ bos_token }}",
    )
    return PixtralProcessor(
        PixtralImageProcessor(size={"longest_edge": SIDE}, patch_size=PATCH),
        tokenizer,
        patch_size=PATCH,
        spatial_merge_size=merge,
        chat_template=template,
    )


def pixtral() -> Parts:
    """Images of any size with a token for each new line; no token begins an answer."""
    processor = _pixtral_processor(1)
    config = LlavaConfig(
        vision_config={"model_type": "pixtral", **TOWER},
        text_config={"model_type": "mistral", **text_config(processor.tokenizer, head_dim=16)},
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        **ids(processor.tokenizer, image_token_index="[IMG]"),
    )
    return processor, config


def mistral3() -> Parts:
    """The same, four patches to a token."""
    processor = _pixtral_processor(2)
    config = Mistral3Config(
        vision_config={"model_type": "pixtral", **TOWER},
        text_config={"model_type": "mistral", **text_config(processor.tokenizer, head_dim=16)},
        spatial_merge_size=2,
        **ids(processor.tokenizer, image_token_index="[IMG]"),
    )
    return processor, config


def lfm2_vl() -> Parts:
    """Convolutions between the layers of attention; an image as a list of patches that is filled up."""
    tiles = [f"<|img_row_{row}_col_{column}|>" for row in range(1, 3) for column in range(1, 3)]
    tokenizer = make_tokenizer(
        "<|im_end|>",
        begin="<|startoftext|>",
        tokens=[*CHATML_TOKENS, *tiles],
        image_token="<image>",
        image_start_token="<|image_start|>",
        image_end_token="<|image_end|>",
        image_thumbnail_token="<|img_thumbnail|>",
    )
    image_processor = Lfm2VlImageProcessor(
        encoder_patch_size=PATCH, tile_size=SIDE, min_image_tokens=1, max_image_tokens=4, max_tiles=4
    )
    processor = Lfm2VlProcessor(image_processor, tokenizer, chat_template="{{ bos_token }}" + chatml("<image>"))
    config = Lfm2VlConfig(
        vision_config={"model_type": "siglip2_vision_model", **LAYERS, "patch_size": PATCH, "num_patches": 16,
                       "vision_use_head": False},
        text_config={"model_type": "lfm2", **text_config(tokenizer, layer_types=["conv", "full_attention"])},
        projector_hidden_size=WIDTH,
        **ids(tokenizer, image_token_id="<image>"),
    )  # fmt: skip
    return processor, config
