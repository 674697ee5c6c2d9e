"""Models and processors of a folder."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from safetensors.torch import load_file, save_file
from transformers import (
    BartConfig,
    CLIPConfig,
    Florence2Config,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
    T5Config,
    VisionEncoderDecoderConfig,
    ViTConfig,
    WhisperConfig,
    XLNetConfig,
)

from trainer_core.models.loading import context_tokens, load_model, load_processor, own_dtype
from trainer_core.models.parts import vision_model
from trainer_core.module import HFAutoModelForImageTextToText


def test_a_text_model_has_a_tokenizer_for_a_processor(text_model_dir: Path) -> None:
    assert isinstance(load_processor(str(text_model_dir)), PreTrainedTokenizerBase)


TEXT_ALONE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


@pytest.mark.parametrize("template", [None, TEXT_ALONE], ids=["with images", "text alone"])
def test_a_template_that_lies_with_the_tokenizer_is_taken_if_it_writes_images(
    own_starter_dir: Path, template: str | None
) -> None:
    own = own_starter_dir / "chat_template.jinja"
    path = own_starter_dir / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": template or own.read_text()}))
    expected = None if template else own.read_text()
    own.unlink()

    processor: Any = load_processor(str(own_starter_dir))

    assert processor.chat_template == expected


def test_a_text_model_has_no_tower(text_model_dir: Path) -> None:
    assert vision_model(load_model(str(text_model_dir))) is None


def test_the_dtype_asked_for_is_taken(starter_dir: Path) -> None:
    model = load_model(str(starter_dir), dtype=torch.bfloat16)

    assert model.dtype == torch.bfloat16
    assert own_dtype(str(starter_dir)) == torch.float32


def test_the_context_is_that_of_the_language_model(starter_dir: Path, text_model_dir: Path) -> None:
    assert (context_tokens(str(starter_dir)), context_tokens(str(text_model_dir))) == (512, 128)


def test_missing_weights_are_not_made_up(own_starter_dir: Path) -> None:
    path = own_starter_dir / "model.safetensors"
    weights = load_file(path)
    missing = next(name for name in weights if "vision" in name)
    save_file({name: value for name, value in weights.items() if name != missing}, path, {"format": "pt"})

    with pytest.raises(ValueError, match="its weights lack"):
        load_model(str(own_starter_dir))


def test_four_bits_hold_the_language_model_alone(starter_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir), load_in_4bit=True)

    module.configure_model()

    quantised = {name for name, layer in module.model.named_modules() if isinstance(layer, Linear4bit)}
    linear = {name for name, layer in module.model.named_modules() if isinstance(layer, torch.nn.Linear)}
    assert quantised == {name for name in linear if "language_model" in name}
    assert quantised


def test_4_bit_weights_hand_the_same_gradients_on_after_an_evaluation(starter_dir: Path) -> None:
    model: Any = load_model(str(starter_dir), quantization="nf4")
    embedded = torch.randn(1, 8, 128, generator=torch.Generator().manual_seed(0), requires_grad=True)

    def gradient() -> torch.Tensor:
        return torch.autograd.grad(model.train().model.language_model(inputs_embeds=embedded)[0].sum(), embedded)[0]

    before = gradient()
    with torch.no_grad():
        model.eval().model.language_model(inputs_embeds=embedded.detach())

    assert torch.equal(gradient(), before)


def test_4_bit_weights_stay_as_they_are_when_the_rest_is_unfrozen(starter_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir), load_in_4bit=True)
    module.configure_model()

    module.freeze().unfreeze()

    frozen = {parameter.dtype for parameter in module.parameters() if not parameter.requires_grad}
    assert frozen == {torch.uint8}


def test_random_weights_in_4_bits_are_refused(starter_dir: Path) -> None:
    module = HFAutoModelForImageTextToText(str(starter_dir), load_pretrained_weights=False, load_in_4bit=True)

    with pytest.raises(ValueError, match="random weights cannot be quantised"):
        module.configure_model()


def test_a_context_without_an_end_is_no_limit(tmp_path: Path) -> None:
    XLNetConfig().save_pretrained(tmp_path)

    assert context_tokens(str(tmp_path)) is None


DONUT: dict[str, Any] = {"encoder": {"model_type": "donut-swin"}, "decoder": {"model_type": "mbart"}}


@pytest.mark.parametrize(
    "config",
    [T5Config(), BartConfig(), WhisperConfig(), Florence2Config(), VisionEncoderDecoderConfig(**DONUT)],
    ids=lambda config: config.model_type,
)
def test_an_encoder_decoder_is_refused_by_its_config(config: PreTrainedConfig, tmp_path: Path) -> None:
    config.save_pretrained(tmp_path)

    for load in (load_processor, load_model):
        with pytest.raises(ValueError, match=f"it is an encoder-decoder .{config.model_type}."):
            load(str(tmp_path))


@pytest.mark.parametrize("config", [ViTConfig(), CLIPConfig()], ids=lambda config: config.model_type)
def test_what_is_no_language_model_is_refused_by_its_config(config: PreTrainedConfig, tmp_path: Path) -> None:
    config.save_pretrained(tmp_path)

    for load in (load_processor, load_model):
        with pytest.raises(ValueError, match="it is no language model"):
            load(str(tmp_path))
