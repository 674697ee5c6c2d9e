"""Models and processors of the hub or of a folder, text models included, quantised where asked."""

import inspect
from functools import cache
from typing import Any

import torch
from jinja2 import TemplateError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    ProcessorMixin,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
)

from trainer_core.models.quantization import Quantization, hold_in_4_bits, quantization_config
from trainer_core.models.trust import check
from trainer_core.patience import at_most

_TEMPLATE_SECONDS = 10.0
"""Of the processor's time, to write one line."""
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
        UntrustedModel: It wants code to run that nobody has allowed.
        OSError: Its weights are not in safetensors.
        ValueError: The model is of a kind that is not trained here, weights are missing, or random ones should be
            quantised.
        TrainerError: The model cannot be quantised in this way.
    """
    if quantization != "none" and not pretrained:
        raise ValueError("random weights cannot be quantised: only pretrained ones are")
    source = {key: kwargs[key] for key in ("revision", "token", "cache_dir", "code_revision") if key in kwargs}
    config = _decoder_config(name, trust_remote_code=trust_remote_code, **source)
    auto = _auto_class(config)
    dtype = dtype or config.dtype or default_dtype
    if quantization != "none":
        kwargs["quantization_config"] = quantization_config(
            _skeleton(config, trust_remote_code=trust_remote_code), quantization, dtype
        )
    if pretrained:
        model = _pretrained(auto, name, dtype=dtype, trust_remote_code=trust_remote_code, **kwargs)
    else:
        how = {key: value for key, value in kwargs.items() if key not in source}
        model = auto.from_config(config, dtype=dtype, trust_remote_code=trust_remote_code, **how)
    assert isinstance(model, PreTrainedModel)
    _keep_unpacked(model)
    if quantization == "nf4":
        hold_in_4_bits(model)
    return model


def _pretrained(auto: Any, name: str, **kwargs: Any) -> Any:
    # Whatever else holds weights is a pickle, and a pickle is a program.
    model, found = auto.from_pretrained(name, use_safetensors=True, output_loading_info=True, **kwargs)
    if found["missing_keys"]:
        # transformers would fill them with random numbers.
        raise ValueError(f"its weights lack {', '.join(sorted(found['missing_keys'])[:3])}, …")
    return model


def load_skeleton(name: str, *, dtype: torch.dtype, attention: str | None = None, **source: Any) -> PreTrainedModel:
    """A model with shapes and no weights: it takes no memory and computes nothing.

    Args:
        dtype: Of the weights that it does not have.
        attention: Name of an attention function; None means the model's own.
    """
    config = open_config(name, **source)
    how = {"attn_implementation": attention} if attention else {}
    return _skeleton(config, dtype=dtype, trust_remote_code=source.get("trust_remote_code", False), **how)


def _skeleton(config: PreTrainedConfig, **how: Any) -> PreTrainedModel:
    with torch.device("meta"):
        model = _auto_class(config).from_config(config, **how)
    assert isinstance(model, PreTrainedModel)
    return model


def load_processor(name: str, *, trust_remote_code: bool = False, **kwargs: Any) -> Processor:
    """The processor of a model; for a text model, its tokenizer.

    Raises:
        ValueError: The model is of a kind that is not trained here.
    """
    config = _decoder_config(name, trust_remote_code=trust_remote_code, **kwargs)
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
        with at_most(_TEMPLATE_SECONDS):
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
    config = open_config(name, **kwargs).get_text_config()
    found: int | None = getattr(config, "max_position_embeddings", None)
    return found if found is not None and found > 0 else None  # XLNet's says -1


def required_inputs(name: str, **kwargs: Any) -> frozenset[str]:
    """What a model's forward pass cannot do without, BLIP-2's pixels say; nothing where it is not transformers' own."""
    config = open_config(name, **kwargs)
    known: Any = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING if _reads_images(config) else MODEL_FOR_CAUSAL_LM_MAPPING
    if type(config) not in known:
        return frozenset()
    return demanded_inputs(known[type(config)])


@cache
def demanded_inputs(kind: Any) -> frozenset[str]:
    """What the forward pass of a class of models is not called without."""
    parameters = inspect.signature(kind.forward).parameters.values()
    taken = [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD and one.default is one.empty]
    return frozenset(one.name for one in taken) - {"self"}


def own_dtype(name: str, **kwargs: Any) -> torch.dtype:
    """Of the weights as they lie in a model's folder."""
    return open_config(name, **kwargs).dtype or torch.float32


def open_config(name: str, *, trust_remote_code: bool = False, **source: Any) -> Any:
    """The config of a model, once it has been looked through.

    Raises:
        UntrustedModel: It wants code to run that nobody has allowed.
    """
    check(name, trust_remote_code=trust_remote_code, **source)
    return AutoConfig.from_pretrained(name, trust_remote_code=trust_remote_code, **source)


def _decoder_config(name: str, **kwargs: Any) -> Any:
    """The config of a model that reads and writes in one sequence.

    Raises:
        ValueError: It is an encoder-decoder, whose answers are no continuation of what it reads, or no language model.
    """
    config = open_config(name, **kwargs)
    if config.is_encoder_decoder or config.get_text_config().is_encoder_decoder:
        kind = f"it is an encoder-decoder ({config.model_type})"
        raise ValueError(f"{kind}; only models that read and write in one sequence can be trained")
    if not _reads_images(config) and not _is_loaded_by("AutoModelForCausalLM", config, MODEL_FOR_CAUSAL_LM_MAPPING):
        raise ValueError(f"it is no language model that transformers knows ({config.model_type})")
    return config


def _reads_images(config: PreTrainedConfig) -> bool:
    return _is_loaded_by("AutoModelForImageTextToText", config, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING)


def _is_loaded_by(auto: str, config: PreTrainedConfig, known: Any) -> bool:
    """True if an auto class has a model for this config: transformers' own, or one that comes with the weights."""
    return type(config) in known or auto in (getattr(config, "auto_map", None) or {})


def _auto_class(config: PreTrainedConfig) -> Any:
    return AutoModelForImageTextToText if _reads_images(config) else AutoModelForCausalLM


def _keep_unpacked(model: Any) -> None:
    """Keep 4-bit layers, if there are any, from packing themselves for inference.

    On CPUs with AVX512-BF16, bitsandbytes 0.50 does so at the first evaluation; no gradient passes them afterwards, and
    they compute in bfloat16.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
