"""Which part of a model is which, by transformers' own hooks rather than by guessing at names."""

from torch import nn
from transformers import PreTrainedModel


def language_model(model: PreTrainedModel) -> nn.Module:
    """The decoder of text, without its head."""
    decoder = model.get_decoder()
    assert isinstance(decoder, nn.Module)
    return decoder


def vision_model(model: PreTrainedModel) -> nn.Module | None:
    """The image tower, without the projector; None if the model reads text only."""
    tower = model.get_encoder(modality="image")
    return None if tower is model or tower is model.base_model else tower


def linear_names(model: PreTrainedModel, part: nn.Module) -> list[str]:
    """Full names of the linear layers inside `part`."""
    inside = {id(module) for module in part.modules()}
    return [name for name, module in model.named_modules() if isinstance(module, nn.Linear) and id(module) in inside]


def freeze(model: PreTrainedModel, *, language: bool, vision: bool) -> None:
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
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("everything is frozen: nothing would be trained")
