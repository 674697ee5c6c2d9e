"""Which part of a model is which, by transformers' own hooks rather than by guessing at names."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from trainer_core.contract.spec import Part


def language_model(model: PreTrainedModel) -> nn.Module:
    """The decoder of text, without its head."""
    decoder = model.get_decoder()
    if decoder is model.get_output_embeddings():  # ModernBERT's head is named as decoders are
        decoder = model.base_model
    assert isinstance(decoder, nn.Module)
    return decoder


def vision_model(model: PreTrainedModel) -> nn.Module | None:
    """The image tower, without the projector; all of them, if there are several. None if there is none.

    Transformers' own search finds most. A tower that it does not know by name is a model of its own inside, which takes
    pixels; or, in a model that reads images, the one inside that embeds no text.
    """
    found = _encoder(model, "image")
    inside = [one for one in model.modules() if isinstance(one, PreTrainedModel)]
    inside = [one for one in inside if one is not model and one is not model.base_model]
    towers: list[nn.Module] = [] if found is None else [found]
    towers += [one for one in inside if one.main_input_name == "pixel_values"]
    if not towers and _reads_images(model):
        embedding = model.get_input_embeddings()
        towers += [one for one in inside if embedding not in one.modules()][:1]
    towers = _outermost(towers)
    return nn.ModuleList(towers) if len(towers) > 1 else next(iter(towers), None)


def _outermost(modules: Sequence[nn.Module]) -> list[nn.Module]:
    """Each of them once, without those that stand inside others."""
    within = {id(inner) for module in modules for inner in module.modules() if inner is not module}
    return [module for module in dict.fromkeys(modules) if id(module) not in within]


def audio_model(model: PreTrainedModel) -> nn.Module | None:
    """What hears, if the model does. It is of no part: nothing here is trained with sound."""
    return _encoder(model, "audio")


def _encoder(model: PreTrainedModel, modality: str) -> nn.Module | None:
    found: nn.Module | None = model.get_encoder(modality=modality)
    return None if found is model or found is model.base_model else found


def _reads_images(model: PreTrainedModel) -> bool:
    return "image" in model.input_modalities


LINEAR = (nn.Linear, Conv1D)
"""GPT-2 and its kin call their linear layers convolutions, and keep their weights transposed."""


def linear_names(model: PreTrainedModel, part: nn.Module) -> list[str]:
    """Full names of the linear layers inside `part`."""
    inside = {id(module) for module in part.modules()}
    return [name for name, module in model.named_modules() if id(module) in inside and _is_linear(module)]


def _is_linear(module: Any) -> bool:
    """True unless it is no linear layer, or one that makes something else of its product: a router's choice, say."""
    kind = getattr(module, "source_cls", type(module))  # what transformers has put a quantised layer in place of
    if not issubclass(kind, LINEAR):
        return False
    if kind.forward in (nn.Linear.forward, Conv1D.forward):
        return True
    try:
        with torch.no_grad():
            given = module(module.weight.new_zeros(1, module.in_features))
    except (IndexError, RuntimeError, TypeError, ValueError):
        return False
    return isinstance(given, Tensor) and given.shape == (1, module.out_features)


def linear_names_of(model: PreTrainedModel, part: Part) -> list[str]:
    """Full names of the linear layers of a part; the head is of none, though BLIP-2's decoder holds it."""
    head, vision = model.get_output_embeddings(), _linear_names(model, vision_model(model))
    language = _linear_names(model, language_model(model)) - vision
    named = {"language_model": language, "vision_tower": vision}
    others = language | vision | _linear_names(model, audio_model(model))
    layers = [name for name in linear_names(model, model) if model.get_submodule(name) is not head]
    return [name for name in layers if (name not in others if part == "projector" else name in named[part])]


def _linear_names(model: PreTrainedModel, part: nn.Module | None) -> set[str]:
    return set() if part is None else set(linear_names(model, part))


def parameters_of(model: PreTrainedModel) -> dict[Part, list[nn.Parameter]]:
    """Every parameter by its part, but for those that hear.

    The head counts with the language model. The projector is whatever stands beside them and the image tower, so it is
    empty where it is inside the tower, as Qwen-VL's merger is, and all that sees where there is no tower.
    """
    head, tower, audio = model.get_output_embeddings(), vision_model(model), audio_model(model)
    language = (_ids(language_model(model)) - _ids(tower)) | _ids(head)
    if tower is None and not _reads_images(model):
        language = _ids(model)
    vision, heard = _ids(tower) - language, _ids(audio) - language
    found: dict[Part, list[nn.Parameter]] = {"language_model": [], "vision_tower": [], "projector": []}
    for parameter in model.parameters():
        one: Part = "vision_tower" if id(parameter) in vision else "projector"
        if id(parameter) not in heard:
            found["language_model" if id(parameter) in language else one].append(parameter)
    return found


def _ids(module: nn.Module | None) -> set[int]:
    return set() if module is None else {id(parameter) for parameter in module.parameters()}


def freeze(model: PreTrainedModel, *, language: bool, vision: bool, projector: bool = False) -> None:
    """Exclude parts from training, and whatever hears: no dataset here has sound.

    Raises:
        ValueError: A part that should be frozen is not there.
    """
    if (audio := audio_model(model)) is not None:
        audio.requires_grad_(requires_grad=False)
    parts = parameters_of(model)
    if language:
        _exclude(parts["language_model"])
    if vision:
        if not parts["vision_tower"]:
            raise ValueError(f"freeze_vision_model: {type(model).__name__} has no image tower")
        _exclude(parts["vision_tower"])
    if projector:
        if not parts["projector"]:
            raise ValueError(f"freeze_projector: {type(model).__name__} has no projector of its own")
        _exclude(parts["projector"])
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("everything is frozen: nothing would be trained")


def _exclude(parameters: Iterable[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.requires_grad = False


def frozen_beside_language(model: PreTrainedModel) -> list[nn.Module]:
    """Modules outside the language model in which nothing is trained: they compute as they will when the model is used.

    Without dropout, say, or an image would look different each time.
    """
    language = {id(module) for module in language_model(model).modules()}
    beside = [module for module in model.modules() if id(module) not in language]
    return [module for module in beside if _is_frozen(module)]


def _is_frozen(module: nn.Module) -> bool:
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


def weights_that_see(model: PreTrainedModel) -> dict[str, Tensor]:
    """Parameters and buffers of image tower and projector, by name."""
    parts = parameters_of(model)
    ids = {id(parameter) for parameter in [*parts["vision_tower"], *parts["projector"]]}
    seeing = {name: parameter for name, parameter in model.named_parameters() if id(parameter) in ids}
    language = _ids_of_buffers(language_model(model))
    return seeing | {name: buffer for name, buffer in model.named_buffers() if id(buffer) not in language}


def _ids_of_buffers(module: nn.Module) -> set[int]:
    return {id(buffer) for buffer in module.buffers()}
