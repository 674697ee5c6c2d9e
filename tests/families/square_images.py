"""Tiny models that take images of one size, or tiles of it, with their families' own processors."""

from typing import Any

from transformers import (
    Blip2Config,
    Blip2Processor,
    BlipImageProcessor,
    CLIPImageProcessor,
    CLIPVisionConfig,
    Gemma3Config,
    Gemma3ImageProcessor,
    Gemma3Processor,
    GotOcr2ImageProcessor,
    Idefics3Config,
    Idefics3ImageProcessor,
    Idefics3Processor,
    InternVLConfig,
    InternVLProcessor,
    InternVLVideoProcessor,
    LlavaConfig,
    LlavaNextConfig,
    LlavaNextImageProcessor,
    LlavaNextProcessor,
    LlavaOnevisionConfig,
    LlavaOnevisionImageProcessor,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
    LlavaProcessor,
    MllamaConfig,
    MllamaImageProcessor,
    MllamaProcessor,
    PaliGemmaConfig,
    PaliGemmaProcessor,
    SiglipImageProcessor,
    SmolVLMConfig,
    SmolVLMImageProcessor,
    SmolVLMProcessor,
    SmolVLMVideoProcessor,
)

from tests.families.sizes import LAYERS, PATCH, PINPOINTS, SIDE, SQUARE, TOWER, WIDTH, Parts, rope, text_config
from tests.families.writing import (
    CHATML_TOKENS,
    LLAMA3_TOKENS,
    MAX_TOKENS,
    chatml,
    ids,
    llama3,
    make_template,
    make_tokenizer,
)


def _vicuna() -> str:
    roles = {"system": "", "user": "USER: ", "assistant": "ASSISTANT: "}
    return make_template(
        roles,
        picture="<image>{{ '\n' }}",
        end="{% if message['role'] == 'assistant' %}</s>{% else %} {% endif %}",
        asked="ASSISTANT:",
        begin="{{ bos_token }}",
    )


def llava() -> Parts:
    """A square image, its features after a projector; a template without tokens of control but the stop token."""
    tokenizer = make_tokenizer("</s>", begin="<s>", image_token="<image>")
    processor = LlavaProcessor(
        CLIPImageProcessor(size=SQUARE, crop_size=SQUARE),
        tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_vicuna(),
    )
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**TOWER),
        text_config={"model_type": "llama", **text_config(tokenizer)},
        vision_feature_layer=-1,
        **ids(tokenizer, image_token_index="<image>"),
    )
    return processor, config


def llava_next() -> Parts:
    """An image as a whole and in tiles."""
    tokenizer = make_tokenizer("</s>", begin="<s>", image_token="<image>")
    processor = LlavaNextProcessor(
        LlavaNextImageProcessor(size={"shortest_edge": SIDE}, crop_size=SQUARE, image_grid_pinpoints=PINPOINTS),
        tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_vicuna(),
    )
    config = LlavaNextConfig(
        vision_config=CLIPVisionConfig(**TOWER),
        text_config={"model_type": "llama", **text_config(tokenizer)},
        vision_feature_layer=-1,
        image_grid_pinpoints=PINPOINTS,
        **ids(tokenizer, image_token_index="<image>"),
    )
    return processor, config


def llava_onevision() -> Parts:
    """Tiles joined with a token for each new line."""
    tokenizer = make_tokenizer("<|im_end|>", tokens=CHATML_TOKENS, image_token="<image>", video_token="<video>")
    processor = LlavaOnevisionProcessor(
        LlavaOnevisionImageProcessor(size=SQUARE, image_grid_pinpoints=[*PINPOINTS, [SIDE, SIDE]]),
        tokenizer,
        LlavaOnevisionVideoProcessor(size=SQUARE),
        num_image_tokens=(SIDE // PATCH) ** 2,
        vision_feature_select_strategy="full",
        chat_template=chatml("<image>{{ '\n' }}"),
    )
    config = LlavaOnevisionConfig(
        vision_config={"model_type": "siglip_vision_model", **TOWER, "vision_use_head": False},
        text_config={"model_type": "qwen2", **text_config(tokenizer)},
        image_grid_pinpoints=[*PINPOINTS, [SIDE, SIDE]],
        **ids(tokenizer, image_token_index="<image>", video_token_index="<video>"),
    )
    return processor, config


def _idefics_template() -> str:
    return make_template(
        {"system": "System: ", "user": "User: ", "assistant": "Assistant: "},
        picture="<image>",
        end="<end_of_utterance>{{ '\n' }}",
        asked="Assistant:",
        begin="<|im_start|>",
    )


def _idefics_tokenizer() -> Any:
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)]
    return make_tokenizer(
        "<end_of_utterance>",
        tokens=["<|im_start|>", *tiles],
        image_token="<image>",
        fake_image_token="<fake_token_around_image>",
        global_image_token="<global-img>",
        end_of_utterance_token="<end_of_utterance>",
    )


def idefics3() -> Parts:
    """An image in tiles with tokens of their own between them."""
    tokenizer = _idefics_tokenizer()
    processor = Idefics3Processor(
        Idefics3ImageProcessor(size={"longest_edge": SIDE}, max_image_size={"longest_edge": SIDE}),
        tokenizer,
        image_seq_len=4,
        chat_template=_idefics_template(),
    )
    config = Idefics3Config(
        vision_config=TOWER,
        text_config={"model_type": "llama", **text_config(tokenizer)},
        scale_factor=2,
        **ids(tokenizer, image_token_id="<image>"),
    )
    return processor, config


def smolvlm() -> Parts:
    """Idefics3's younger sister."""
    tokenizer = _idefics_tokenizer()
    sizes: dict[str, Any] = {"size": {"longest_edge": SIDE}, "max_image_size": {"longest_edge": SIDE}}
    processor = SmolVLMProcessor(
        SmolVLMImageProcessor(**sizes),
        tokenizer,
        SmolVLMVideoProcessor(**sizes),
        image_seq_len=4,
        chat_template=_idefics_template(),
    )
    config = SmolVLMConfig(
        vision_config=TOWER,
        text_config={"model_type": "llama", **text_config(tokenizer)},
        scale_factor=2,
        **ids(tokenizer, image_token_id="<image>"),
    )
    return processor, config


def gemma3() -> Parts:
    """Images that see themselves both ways; only every other layer sees far."""
    tokenizer = make_tokenizer(
        "<end_of_turn>",
        begin="<bos>",
        tokens=["<start_of_turn>"],
        boi_token="<start_of_image>",
        eoi_token="<end_of_image>",
        image_token="<image_soft_token>",
    )
    processor = Gemma3Processor(
        Gemma3ImageProcessor(size=SQUARE),
        tokenizer,
        image_seq_length=4,
        chat_template=make_template(
            {"system": "<start_of_turn>user\n", "user": "<start_of_turn>user\n", "assistant": "<start_of_turn>model\n"},
            picture="<start_of_image>",
            end="<end_of_turn>{{ '\n' }}",
            asked="<start_of_turn>model{{ '\n' }}",
            begin="{{ bos_token }}",
        ),
    )
    config = Gemma3Config(
        text_config=text_config(tokenizer, head_dim=16, query_pre_attn_scalar=16, sliding_window=16),
        vision_config={"model_type": "siglip_vision_model", **TOWER, "vision_use_head": False},
        mm_tokens_per_image=4,
        **ids(
            tokenizer,
            boi_token_index="<start_of_image>",
            eoi_token_index="<end_of_image>",
            image_token_index="<image_soft_token>",
        ),
    )
    return processor, config


def paligemma() -> Parts:
    """A base model: image and question see themselves both ways, the answer comes apart."""
    tokenizer = make_tokenizer("<eos>", begin="<bos>", image_token="<image>")
    image_processor: Any = SiglipImageProcessor(size=SQUARE)
    image_processor.image_seq_length = (SIDE // PATCH) ** 2
    processor = PaliGemmaProcessor(image_processor, tokenizer)
    config = PaliGemmaConfig(
        text_config={"model_type": "gemma", **text_config(tokenizer, head_dim=16)},
        vision_config={"model_type": "siglip_vision_model", **TOWER, "vision_use_head": False},
        projection_dim=WIDTH,
        **ids(tokenizer, image_token_index="<image>"),
    )
    return processor, config


def internvl() -> Parts:
    """Tiles folded to a quarter of their features."""
    tokenizer = make_tokenizer(
        "<|im_end|>",
        tokens=CHATML_TOKENS,
        start_image_token="<img>",
        end_image_token="</img>",
        context_image_token="<IMG_CONTEXT>",
        video_token="<video>",
    )
    processor = InternVLProcessor(
        GotOcr2ImageProcessor(size=SQUARE, max_patches=2),
        tokenizer,
        InternVLVideoProcessor(size=SQUARE),
        image_seq_length=4,
        chat_template=chatml("<IMG_CONTEXT>{{ '\n' }}"),
    )
    config = InternVLConfig(
        text_config={"model_type": "qwen2", **text_config(tokenizer)},
        vision_config={**LAYERS, "image_size": [SIDE, SIDE], "patch_size": [PATCH, PATCH]},
        image_seq_length=4,
        **ids(tokenizer, image_token_id="<IMG_CONTEXT>"),
    )
    return processor, config


def mllama() -> Parts:
    """Images beside the text, read by layers of cross-attention."""
    tokenizer = make_tokenizer(
        "<|eot_id|>", begin="<|begin_of_text|>", tokens=LLAMA3_TOKENS, last="<|image|>", image_token="<|image|>"
    )
    processor = MllamaProcessor(
        MllamaImageProcessor(size=SQUARE, max_image_tiles=2), tokenizer, chat_template=llama3("<|image|>")
    )
    config = MllamaConfig(
        text_config=text_config(
            tokenizer,
            num_hidden_layers=3,
            cross_attention_layers=[1],
            # The image token stands after the words that can be predicted, among eight more embeddings.
            vocab_size=len(tokenizer) - 1,
            rope_parameters=rope(),
        ),
        vision_config={
            "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 2, "num_global_layers": 1,
            "attention_heads": 4, "image_size": SIDE, "patch_size": PATCH, "max_num_tiles": 2,
            "vision_output_dim": 2 * WIDTH, "intermediate_layers_indices": [1],
            "supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]],
        },
        **ids(tokenizer, image_token_index="<|image|>"),
    )  # fmt: skip
    return processor, config


def blip_2() -> Parts:
    """A base model that asks its image a fixed number of questions."""
    tokenizer = make_tokenizer("</s>", begin="<s>", tokens=["<image>"])
    processor = Blip2Processor(BlipImageProcessor(size=SQUARE), tokenizer, num_query_tokens=4)
    config = Blip2Config(
        vision_config={**TOWER, "initializer_range": 0.02},
        qformer_config={**LAYERS, "vocab_size": len(tokenizer), "encoder_hidden_size": WIDTH},
        text_config={
            "model_type": "opt", "hidden_size": WIDTH, "word_embed_proj_dim": WIDTH, "ffn_dim": 2 * WIDTH,
            "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": MAX_TOKENS,
            "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id,
            "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
        },
        num_query_tokens=4,
        **ids(tokenizer, image_token_index="<image>"),
    )  # fmt: skip
    return processor, config
