"""Models and processors of the hub or of a folder, text models included, quantised where asked."""

import inspect
from typing import Any, Literal

import torch
from jinja2 import TemplateError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    ProcessorMixin,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
)

from trainer_core.models.parts import linear_names, linear_names_of

Quantization = Literal["none", "nf4", "int8"]
Processor = ProcessorMixin | PreTrainedTokenizerBase


def load_model(
    name: str,
    *,
    pretrained: bool = True,
    dtype: torch.dtype | None = None,
    default_dtype: torch.dtype = torch.bfloat16,
    quantization: Quantization = "none",
    trust_remote_code: bool = False,
    **kwargs: Any,
) -> PreTrainedModel:
    """Load a model, or make one with random weights.

    Args:
        dtype: Of the weights; None takes what the config says, and `default_dtype` where it says nothing.
        quantization: For the language model alone; tower, projector and head stay as they are.

    Raises:
        ValueError: Weights are missing, or random ones should be quantised.
    """
    if quantization != "none" and not pretrained:
        raise ValueError("random weights cannot be quantised: only pretrained ones are")
    source = {key: kwargs[key] for key in ("revision", "token", "cache_dir") if key in kwargs}
    config = AutoConfig.from_pretrained(name, trust_remote_code=trust_remote_code, **source)
    auto = _auto_class(config)
    dtype = dtype or config.dtype or default_dtype
    if quantization != "none":
        kwargs["quantization_config"] = _bitsandbytes(auto, config, quantization, dtype)
    if pretrained:
        model, found = auto.from_pretrained(
            name, dtype=dtype, trust_remote_code=trust_remote_code, output_loading_info=True, **kwargs
        )
        if found["missing_keys"]:
            # transformers would fill them with random numbers.
            raise ValueError(f"its weights lack {', '.join(sorted(found['missing_keys'])[:3])}, …")
    else:
        how = {key: value for key, value in kwargs.items() if key not in source}
        model = auto.from_config(config, dtype=dtype, trust_remote_code=trust_remote_code, **how)
    assert isinstance(model, PreTrainedModel)
    if quantization == "nf4":
        _keep_packed_as_loaded(model)
    return model


def load_processor(name: str, *, trust_remote_code: bool = False, **kwargs: Any) -> Processor:
    """The processor of a model; for a text model, its tokenizer."""
    config = AutoConfig.from_pretrained(name, trust_remote_code=trust_remote_code, **kwargs)
    auto = AutoProcessor if _reads_images(config) else AutoTokenizer
    processor = auto.from_pretrained(name, trust_remote_code=trust_remote_code, **kwargs)
    assert isinstance(processor, ProcessorMixin | PreTrainedTokenizerBase)
    if isinstance(processor, ProcessorMixin) and not processor.chat_template:
        processor.chat_template = _template_of_tokenizer(processor)
    return processor


def _template_of_tokenizer(processor: ProcessorMixin) -> str | dict[str, str] | None:
    """The chat template that an older folder keeps with its tokenizer, if it writes images and not text alone."""
    tokenizer: Any = getattr(processor, "tokenizer", None)
    template: str | dict[str, str] | None = getattr(tokenizer, "chat_template", None)
    if template is None:
        return None
    words, image = {"type": "text", "text": "?"}, {"type": "image"}
    try:
        with_image, without = (
            str(tokenizer.apply_chat_template([{"role": "user", "content": parts}], tokenize=False))
            for parts in ([image, words], [words])
        )
    except (TemplateError, TypeError):
        return None
    # One made for text alone writes the parts as Python does.
    return template if with_image != without and "'type'" not in with_image else None


def context_tokens(name: str, **kwargs: Any) -> int | None:
    """How many tokens a model was made to read at once, where its config says so."""
    config = AutoConfig.from_pretrained(name, **kwargs).get_text_config()
    return getattr(config, "max_position_embeddings", None)


def required_inputs(name: str, **kwargs: Any) -> frozenset[str]:
    """What a model's forward pass cannot do without, BLIP-2's pixels say; nothing where it is not transformers' own."""
    config = AutoConfig.from_pretrained(name, **kwargs)
    known: Any = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING if _reads_images(config) else MODEL_FOR_CAUSAL_LM_MAPPING
    if type(config) not in known:
        return frozenset()
    parameters = inspect.signature(known[type(config)].forward).parameters.values()
    taken = [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD and one.default is one.empty]
    return frozenset(one.name for one in taken) - {"self"}


def own_dtype(name: str, **kwargs: Any) -> torch.dtype:
    """Of the weights as they lie in a model's folder."""
    return AutoConfig.from_pretrained(name, **kwargs).dtype or torch.float32


def _reads_images(config: PreTrainedConfig) -> bool:
    return type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING or "AutoModelForImageTextToText" in (
        getattr(config, "auto_map", None) or {}
    )


def _auto_class(config: PreTrainedConfig) -> Any:
    return AutoModelForImageTextToText if _reads_images(config) else AutoModelForCausalLM


def _keep_packed_as_loaded(model: PreTrainedModel) -> None:
    """On a CPU with AVX512-BF16, bitsandbytes would pack 4-bit weights for inference at the first evaluation.

    From then on their scales are rounded, and no gradient goes through them any more.
    """
    from bitsandbytes.nn import Linear4bit  # noqa: PLC0415 - it loads a library of kernels

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def _bitsandbytes(
    auto: Any,
    config: PreTrainedConfig,
    quantization: Quantization,
    dtype: torch.dtype,
) -> BitsAndBytesConfig:
    with torch.device("meta"):
        skeleton = auto.from_config(config)
    quantised = set(linear_names_of(skeleton, "language_model"))
    kept = [name for name in linear_names(skeleton, skeleton) if name not in quantised]
    if quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=kept)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=kept,
    )
