"""What a model makes of images before its language model reads them, by transformers' own `get_image_features`.

It is computed unit by unit, an image or all images of a row, so that it does not matter which others are in a batch;
the units of a batch are then joined and given back to the model as `mm_encoder_outputs`.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import SimpleNamespace
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel

from trainer_core.models.loading import demanded_inputs

Feature = Any
"""A tensor, or a list of features: of tiles, images or layers."""
Features = dict[str, Feature]
"""Of one unit, by the names that the model reads."""
Joining = Literal["along", "listed", "layered"]
"""How a batch's feature is made of its units': tensors along their first dimension, one list after the other, or layer
by layer, each of them in its own way."""
_WAYS_OF_ONE: tuple[Joining, ...] = ("along",)
_WAYS_OF_MANY: tuple[Joining, ...] = ("listed", "layered")


def sees_apart(model: PreTrainedModel) -> bool:
    """True if a model can be given what it made of images instead of the images."""
    takes = inspect.signature(type(model).forward).parameters
    return "mm_encoder_outputs" in takes and _seer(model) is not None


def _seer(model: PreTrainedModel) -> Any:
    return next((one for one in (model.base_model, model) if hasattr(one, "get_image_features")), None)


@torch.no_grad()
def look(model: PreTrainedModel, inputs: Mapping[str, Tensor]) -> Any:
    """All that a model makes of images.

    Args:
        inputs: What a row has beside its tokens, on the model's device.
    """
    seer: Any = _seer(model)
    takes = inspect.signature(seer.get_image_features).parameters
    return seer.get_image_features(**{name: value for name, value in inputs.items() if name in takes}, return_dict=True)


def in_place_of_pixels(model: PreTrainedModel, bare: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    """A batch with `mm_encoder_outputs`, and None for pixels where the model insists on being told (BLIP-2)."""
    kind: Any = type(model)
    return {**dict.fromkeys(demanded_inputs(kind)), **bare, "mm_encoder_outputs": outputs}


@dataclass(frozen=True)
class Sight:
    """Which features a model reads, and how those of several units are joined."""

    joinings: Mapping[str, Joining]

    @classmethod
    def candidates(cls, model: PreTrainedModel, row: Mapping[str, Tensor], seen: Any) -> Iterator["Sight"]:
        """What may be so; which it is, shows when a batch is computed with it.

        Args:
            model: Is run on the row.
            row: Its inputs without pixels.
            seen: All that the model makes of the row's images.
        """
        watched = _Watched(seen)
        with torch.no_grad():
            model(**in_place_of_pixels(model, row, {"image": watched}), use_cache=False)
        names = sorted(name for name in watched.read if isinstance(getattr(seen, name), Tensor | list | tuple))
        ways = [_WAYS_OF_ONE if isinstance(getattr(seen, name), Tensor) else _WAYS_OF_MANY for name in names]
        for chosen in product(*ways):
            yield cls(dict(zip(names, chosen, strict=True)))

    def features(self, seen: Any) -> Features:
        """What the model reads of all that it made of a unit."""
        return {name: _plain(getattr(seen, name)) for name in self.joinings}

    def joined(self, units: Sequence[Features]) -> dict[str, Any]:
        """`mm_encoder_outputs` for a batch of these units in their order."""
        together = {name: _joined([one[name] for one in units], how) for name, how in self.joinings.items()}
        return {"image": _Given(**together)}


class _Watched:
    """Stands for features, and knows which of them were read."""

    def __init__(self, seen: Any) -> None:
        self._seen = seen
        self.read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._seen, name)
        if value is not None:
            self.read.add(name)
        return value


class _Given(SimpleNamespace):
    """Features that were kept; what the model asks for beside them, it only hands on."""

    def __getattr__(self, name: str) -> None:
        """Nothing."""


def _plain(value: Any) -> Feature:
    return value if isinstance(value, Tensor) else [_plain(one) for one in value]


def _joined(units: Sequence[Feature], how: Joining) -> Feature:
    if how == "along":
        return torch.cat(list(units))
    if how == "listed":
        return [one for unit in units for one in unit]
    layers = zip(*units, strict=True)
    return [_joined(layer, "along" if isinstance(layer[0], Tensor) else "listed") for layer in layers]
