"""Which part of a model is which, by transformers' own hooks rather than by guessing at names."""

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from trainer_core.contract.spec import Part


def language_model(model: PreTrainedModel) -> nn.Module:
    """The decoder of text, without its head."""
    decoder = model.get_decoder()
    assert isinstance(decoder, nn.Module)
    return decoder


def vision_model(model: PreTrainedModel) -> nn.Module | None:
    """The image tower, without the projector; None if the model reads text only."""
    tower = model.get_encoder(modality="image")
    return None if tower is model or tower is model.base_model else tower


LINEAR = (nn.Linear, Conv1D)
"""GPT-2 and its kin call their linear layers convolutions, and keep their weights transposed."""


def linear_names(model: PreTrainedModel, part: nn.Module) -> list[str]:
    """Full names of the linear layers inside `part`."""
    inside = {id(module) for module in part.modules()}
    return [name for name, module in model.named_modules() if isinstance(module, LINEAR) and id(module) in inside]


def linear_names_of(model: PreTrainedModel, part: Part) -> list[str]:
    """Full names of the linear layers of a part; the head is of none, though BLIP-2's decoder holds it."""
    head = model.get_output_embeddings()
    roots = {"language_model": language_model(model), "vision_tower": vision_model(model)}
    named = {kind: set(linear_names(model, root)) if root is not None else set() for kind, root in roots.items()}
    layers = [name for name in linear_names(model, model) if model.get_submodule(name) is not head]
    if part == "projector":
        return [name for name in layers if not any(name in names for names in named.values())]
    return [name for name in layers if name in named[part]]


def parameters_of(model: PreTrainedModel) -> dict[Part, list[nn.Parameter]]:
    """Every parameter by its part.

    The head counts with the language model. The projector is whatever stands beside them and the image tower, so it is
    empty where it is inside the tower, as Qwen-VL's merger is.
    """
    head = model.get_output_embeddings()
    tower = vision_model(model)
    language = _ids(language_model(model)) | _ids(head)
    vision = _ids(tower) - language
    found: dict[Part, list[nn.Parameter]] = {"language_model": [], "vision_tower": [], "projector": []}
    for parameter in model.parameters():
        one: Part = "vision_tower" if id(parameter) in vision else "projector"
        found["language_model" if id(parameter) in language or tower is None else one].append(parameter)
    return found


def _ids(module: nn.Module | None) -> set[int]:
    return set() if module is None else {id(parameter) for parameter in module.parameters()}


def freeze(model: PreTrainedModel, *, language: bool, vision: bool, projector: bool = False) -> None:
    """Exclude parts from training.

    Raises:
        ValueError: A part that should be frozen is not there.
    """
    if language:
        language_model(model).requires_grad_(requires_grad=False)
    if vision:
        tower = vision_model(model)
        if tower is None:
            raise ValueError(f"freeze_vision_model: {type(model).__name__} has no image tower")
        tower.requires_grad_(requires_grad=False)
    if projector:
        between = parameters_of(model)["projector"]
        if not between:
            raise ValueError(f"freeze_projector: {type(model).__name__} has no projector of its own")
        for parameter in between:
            parameter.requires_grad = False
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("everything is frozen: nothing would be trained")
