"""Tiny models that take images in ways that few families have, with their families' own processors."""

from typing import Any

from transformers import (
    BlipImageProcessor,
    ChameleonConfig,
    ChameleonImageProcessor,
    ChameleonProcessor,
    CLIPImageProcessor,
    Gemma4AudioFeatureExtractor,
    Gemma4Config,
    Gemma4ImageProcessor,
    Gemma4Processor,
    Gemma4UnifiedAudioFeatureExtractor,
    Gemma4UnifiedConfig,
    Gemma4UnifiedImageProcessor,
    Gemma4UnifiedProcessor,
    Gemma4UnifiedVideoProcessor,
    Gemma4VideoProcessor,
    GitConfig,
    GitProcessor,
    InstructBlipConfig,
    InstructBlipProcessor,
    Llama4Config,
    Llama4ImageProcessor,
    Llama4Processor,
    MiniCPMV4_6Config,
    MiniCPMV4_6ImageProcessor,
    MiniCPMV4_6Processor,
    MiniCPMV4_6VideoProcessor,
    Qwen2VLImageProcessor,
    Qwen3_5MoeConfig,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from tests.families.images_of_any_size import QWEN_IDS, QWEN_PICTURE, qwen_tokenizer
from tests.families.sizes import (
    EXPERTS,
    LAYERS,
    LINEAR_ATTENTION,
    PATCH,
    SIDE,
    SQUARE,
    TOWER,
    WIDTH,
    Parts,
    rope,
    text_config,
)
from tests.families.writing import CHATML_TOKENS, MAX_TOKENS, chatml, ids, make_template, make_tokenizer


def qwen3_5_moe() -> Parts:
    """Linear attention in every other layer, and experts."""
    tokenizer = qwen_tokenizer()
    processor = Qwen3VLProcessor(
        Qwen2VLImageProcessor(min_pixels=16 * 16, max_pixels=64 * 64, patch_size=PATCH),
        tokenizer,
        Qwen3VLVideoProcessor(),
        chat_template=chatml(QWEN_PICTURE),
    )
    positions = rope(mrope_section=[3, 3, 2], mrope_interleaved=True, partial_rotary_factor=1.0)
    config = Qwen3_5MoeConfig(
        text_config=text_config(tokenizer, **LINEAR_ATTENTION, **EXPERTS, head_dim=16, rope_parameters=positions),
        vision_config={
            "depth": 2, "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_heads": 4, "patch_size": PATCH,
            "out_hidden_size": WIDTH, "num_position_embeddings": 64,
        },
        **ids(tokenizer, **QWEN_IDS),
    )  # fmt: skip
    return processor, config


_GEMMA_TOKENS = {
    "boi_token": "<start_of_image>",
    "eoi_token": "<end_of_image>",
    "image_token": "<image_soft_token>",
    "boa_token": "<start_of_audio>",
    "eoa_token": "<end_of_audio>",
    "audio_token": "<audio_soft_token>",
}
_GEMMA_IDS = {
    "boi_token_id": "<start_of_image>",
    "eoi_token_id": "<end_of_image>",
    "image_token_id": "<image_soft_token>",
    "video_token_id": "<|video|>",
    "boa_token_id": "<start_of_audio>",
    "eoa_token_index": "<end_of_audio>",
    "audio_token_id": "<audio_soft_token>",
}
_GEMMA_PIXELS: dict[str, Any] = {"patch_size": PATCH, "max_soft_tokens": 70, "pooling_kernel_size": 2}


def _gemma_tokenizer() -> Any:
    return make_tokenizer("<end_of_turn>", begin="<bos>", tokens=["<start_of_turn>", "<|video|>"], **_GEMMA_TOKENS)


def _gemma_template() -> str:
    return make_template(
        {"system": "<start_of_turn>user\n", "user": "<start_of_turn>user\n", "assistant": "<start_of_turn>model\n"},
        picture="<image_soft_token>",
        end="<end_of_turn>{{ '\n' }}",
        asked="<start_of_turn>model{{ '\n' }}",
        begin="{{ bos_token }}",
    )


def _gemma_text(tokenizer: Any, **more: Any) -> dict[str, Any]:
    layers = ["sliding_attention", "full_attention"]
    heads = {"head_dim": 16, "global_head_dim": 16, "sliding_window": 16, "num_kv_shared_layers": 0}
    return text_config(tokenizer, layer_types=layers, **heads, **more)


def gemma4() -> Parts:
    """Embeddings for each layer, and experts beside each dense layer."""
    tokenizer = _gemma_tokenizer()
    processor = Gemma4Processor(
        Gemma4AudioFeatureExtractor(),
        Gemma4ImageProcessor(**_GEMMA_PIXELS),
        tokenizer,
        Gemma4VideoProcessor(),
        chat_template=_gemma_template(),
    )
    experts = {"enable_moe_block": True, "num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 32}
    embedded = {"hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": len(processor.tokenizer)}
    config = Gemma4Config(
        text_config=_gemma_text(processor.tokenizer, **embedded, **experts),
        vision_config={
            **LAYERS, "num_key_value_heads": 4, "head_dim": 16, "global_head_dim": 16, "patch_size": PATCH,
            "pooling_kernel_size": 2, "default_output_length": 70, "position_embedding_size": 64,
        },
        audio_config=None,
        **ids(processor.tokenizer, **_GEMMA_IDS),
    )  # fmt: skip
    return processor, config


def gemma4_unified() -> Parts:
    """No tower: the decoder reads patches."""
    tokenizer = _gemma_tokenizer()
    processor = Gemma4UnifiedProcessor(
        Gemma4UnifiedAudioFeatureExtractor(),
        Gemma4UnifiedImageProcessor(**_GEMMA_PIXELS),
        tokenizer,
        Gemma4UnifiedVideoProcessor(),
        chat_template=_gemma_template(),
    )
    config = Gemma4UnifiedConfig(
        text_config=_gemma_text(processor.tokenizer),
        vision_config={
            "mm_embed_dim": WIDTH, "output_proj_dims": WIDTH, "patch_size": PATCH, "pooling_kernel_size": 2,
            "mm_posemb_size": 64,
        },
        audio_config=None,
        **ids(processor.tokenizer, **_GEMMA_IDS),
    )  # fmt: skip
    return processor, config


def llama4() -> Parts:
    """Pixels in bfloat16; experts whose router is a linear layer that gives a choice."""
    tokens = ["<|image|>", "<|image_start|>", "<|image_end|>", "<|patch|>", "<|tile_x_separator|>"]
    tokenizer = make_tokenizer("<|im_end|>", tokens=[*CHATML_TOKENS, *tokens, "<|tile_y_separator|>"])
    processor = Llama4Processor(
        Llama4ImageProcessor(size=SQUARE, max_patches=2),
        tokenizer,
        patch_size=PATCH,
        pixel_shuffle_ratio=0.5,
        chat_template=chatml("<|image|>"),
    )
    config = Llama4Config(
        text_config=text_config(
            tokenizer, head_dim=16, intermediate_size_mlp=2 * WIDTH, interleave_moe_layer_step=2, num_local_experts=4,
            attention_chunk_size=MAX_TOKENS, no_rope_layers=[1, 0],
        ),
        vision_config={
            **TOWER, "intermediate_size": 4 * WIDTH, "vision_output_dim": WIDTH, "projector_input_dim": WIDTH,
            "projector_output_dim": WIDTH, "pixel_shuffle_ratio": 0.5,
        },
        **ids(
            tokenizer,
            image_token_index="<|patch|>",
            boi_token_index="<|image_start|>",
            eoi_token_index="<|image_end|>",
        ),
    )  # fmt: skip
    return processor, config


def minicpmv4_6() -> Parts:
    """All images of a batch as one list of patches, so that rows are computed one by one; linear attention."""
    tokenizer = make_tokenizer(
        "<|im_end|>",
        tokens=CHATML_TOKENS,
        image_token="<|image_pad|>",
        video_token="<|video_pad|>",
        image_start_token="<image>",
        image_end_token="</image>",
        slice_start_token="<slice>",
        slice_end_token="</slice>",
        image_id_start_token="<image_id>",
        image_id_end_token="</image_id>",
    )
    pixels: dict[str, Any] = {"patch_size": 14, "scale_resolution": 112, "max_slice_nums": 1}
    processor = MiniCPMV4_6Processor(
        MiniCPMV4_6ImageProcessor(**pixels),
        MiniCPMV4_6VideoProcessor(),
        tokenizer,
        chat_template=chatml("<|image_pad|>"),
    )
    config = MiniCPMV4_6Config(
        text_config={"model_type": "qwen3_5_text", **text_config(tokenizer, **LINEAR_ATTENTION, head_dim=16)},
        vision_config={**LAYERS, "image_size": 112, "patch_size": 14, "insert_layer_id": 0},
        image_size=112,
        insert_layer_id=0,
        **ids(tokenizer, image_token_id="<|image_pad|>", video_token_id="<|video_pad|>"),
    )
    return processor, config


def instructblip() -> Parts:
    """A base model that asks its image the question that it was asked."""
    tokenizer = make_tokenizer("</s>", begin="<s>", tokens=["<image>"])
    asking = make_tokenizer("[SEP]", begin="[CLS]", pad="[PAD]")
    processor = InstructBlipProcessor(BlipImageProcessor(size=SQUARE), tokenizer, asking, num_query_tokens=4)
    config = InstructBlipConfig(
        vision_config={**TOWER, "initializer_range": 0.02},
        qformer_config={**LAYERS, "vocab_size": len(asking), "encoder_hidden_size": WIDTH},
        text_config={
            "model_type": "opt", **text_config(tokenizer), "word_embed_proj_dim": WIDTH, "ffn_dim": 2 * WIDTH,
        },
        num_query_tokens=4,
        **ids(tokenizer, image_token_index="<image>"),
    )  # fmt: skip
    return processor, config


def chameleon() -> Parts:
    """Words for images, that no gradient passes; a processor that ends each text with a token of its own."""
    words = [f"IMGIMG{letter}Z" for letter in "ABCDEFGH"]
    tokenizer = make_tokenizer(
        "</s>",
        begin="<s>",
        tokens=words,
        image_token="<image>",
        boi_token="<racm3:break>",
        eoi_token="<eoss>",
        sep_token="<reserved08706>",
    )
    processor = ChameleonProcessor(
        ChameleonImageProcessor(size={"shortest_edge": SIDE}, crop_size=SQUARE), tokenizer, image_seq_length=16
    )
    config = ChameleonConfig(
        **text_config(tokenizer),
        vq_config={
            "embed_dim": 8, "num_embeddings": 8, "latent_channels": 8, "resolution": SIDE, "base_channels": 32,
            "channel_multiplier": [1, 1, 1, 1], "num_res_blocks": 1,
        },
        vocabulary_map=tokenizer.get_vocab(),
    )  # fmt: skip
    return processor, config


def git() -> Parts:
    """A base model whose tower stands in its decoder, and its image before the tokens."""
    tokenizer = make_tokenizer("[SEP]", begin="[CLS]")
    image_processor = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SQUARE)
    config = GitConfig(
        **text_config(tokenizer), hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, vision_config=TOWER
    )
    return GitProcessor(image_processor, tokenizer), config
