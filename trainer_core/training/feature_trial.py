"""Whether features may stand for pixels: tried on some rows, since nothing else tells of a model that they may.

And whether they are worth keeping.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytorch_lightning.utilities import move_data_to_device
from torch import Tensor
from transformers import PreTrainedModel

from trainer_core.contract.events import FeaturesVerdict
from trainer_core.contract.spec import JobSpec
from trainer_core.data.collation import collate, model_inputs
from trainer_core.data.encoding import IMAGE_KEYS, EncodedRow
from trainer_core.data.pixels import Unit, keyed_by, keys_of, without_pixels
from trainer_core.models.parts import parameters_of, weights_that_see
from trainer_core.models.sight import Features, Sight, in_place_of_pixels, look, sees_apart
from trainer_core.training.ahead import Inputs
from trainer_core.training.failures import is_out_of_memory
from trainer_core.training.features import Images, num_bytes
from trainer_core.training.memory import num_patches

Logits = Callable[[Mapping[str, Any]], Tensor]
log = logging.getLogger(__name__)

_LEAST_OPERATIONS_PER_BYTE = 1000
"""Of making features, for each byte of them: below it they are made as fast as they are read."""
_NUM_TOGETHER = 2


@dataclass(frozen=True)
class Trial:
    """A way that gives the logits of pixels."""

    sight: Sight
    unit: Unit
    difference: float
    """Greatest difference of a logit, as a part of the largest one."""
    num_bytes_each: float
    """Of one unit's features, on average."""
    features: dict[str, Features]
    """Those that were made on the way, by unit."""


class _Seen:
    """What the model made of units, each looked at once."""

    def __init__(self, model: PreTrainedModel, inputs: Inputs) -> None:
        self._model = model
        self._inputs = inputs
        self.by_key: dict[str, Any] = {}

    def of(self, key: str) -> Any:
        if key not in self.by_key:
            self.by_key[key] = look(self._model, move_data_to_device(dict(self._inputs(key)), self._model.device))
        return self.by_key[key]


def try_features(
    model: PreTrainedModel,
    examples: Sequence[Sequence[EncodedRow]],
    inputs: Inputs,
    logits: Logits,
    pad_token_id: int,
    tolerance: float,
) -> Trial | None:
    """Find a way in which features stand for the pixels of rows; None if there is none.

    Args:
        model: In evaluation, on its device.
        examples: Rows of each kind, with images or without.
        inputs: What the processor makes of a unit, by its key.
        logits: Of the model, at the targets of a batch.
        pad_token_id: Fills rows up.
        tolerance: Greatest difference of a logit that is none, as a part of the largest one.
    """
    if not sees_apart(model):
        return None
    seen = _Seen(model, inputs)
    for num_together in (_NUM_TOGETHER, 1):  # one by itself, where the device is too small for two
        groups = [list(rows[:num_together]) for rows in examples if IMAGE_KEYS in rows[0]]
        try:
            return _tried(model, groups, seen, logits, pad_token_id, tolerance)
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            log.info("features of images are not kept: %s: %s", type(error).__name__, error)
            if not is_out_of_memory(error):
                return None
    return None


def _tried(
    model: PreTrainedModel,
    groups: Sequence[list[EncodedRow]],
    seen: _Seen,
    logits: Logits,
    pad_token_id: int,
    tolerance: float,
) -> Trial | None:
    first = groups[0][0]
    expected = [one for rows in groups for one in _expected(rows, logits, pad_token_id)]
    bare = move_data_to_device(model_inputs(without_pixels(first)), model.device)
    for unit in _units(groups):
        for sight in Sight.candidates(model, bare, seen.of(keys_of(first, "row")[0])):
            difference = max(_difference(model, sight, unit, seen, one, logits, pad_token_id) for one in expected)
            if difference <= tolerance:
                keys = {key for rows in groups for row in rows for key in keys_of(row, unit)}
                features = {key: sight.features(seen.of(key)) for key in keys}
                return Trial(sight, unit, difference, num_bytes(features) / len(features), features)
    return None


def _expected(rows: list[EncodedRow], logits: Logits, pad_token_id: int) -> list[tuple[list[EncodedRow], Tensor]]:
    """Rows with their logits: together if the model takes them so."""
    try:
        return [(rows, logits(collate(rows, pad_token_id)))]
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        return [([row], logits(collate([row], pad_token_id))) for row in rows]


def _units(groups: Sequence[Sequence[EncodedRow]]) -> tuple[Unit, ...]:
    has_several = any(len(keys_of(row, "image")) > 1 for rows in groups for row in rows)
    return ("image", "row") if has_several else ("image",)


def _difference(
    model: PreTrainedModel,
    sight: Sight,
    unit: Unit,
    seen: _Seen,
    expected: tuple[list[EncodedRow], Tensor],
    logits: Logits,
    pad_token_id: int,
) -> float:
    rows, told = expected
    batch = collate([keyed_by(unit, without_pixels(row)) for row in rows], pad_token_id)
    try:
        units = [sight.features(seen.of(key)) for row in rows for key in keys_of(row, unit)]
        found = logits(in_place_of_pixels(model, batch, sight.joined(units)))
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        return float("inf")
    return float((found - told).abs().max() / told.abs().max())


def why_not_tried(spec: JobSpec, model: PreTrainedModel, images: Images) -> FeaturesVerdict | None:
    """Why features are not kept, as far as that is known without a trial."""
    parts = parameters_of(model)
    if spec.resources.feature_cache == "off":
        return "switched_off"
    if not images.uses("image"):
        return "no_images"
    if spec.resources.shard_model:
        return "sharded"
    if any(one.requires_grad for one in [*parts["vision_tower"], *parts["projector"]]):
        return "trained"
    return "random" if any(rows.draws_at_random() for rows in images.rows) else None


def why_not_worth(
    spec: JobSpec, model: PreTrainedModel, examples: Sequence[Sequence[EncodedRow]], images: Images, trial: Trial
) -> FeaturesVerdict | None:
    """Why features that may stand for pixels had better not be kept, unless that is asked for."""
    if spec.resources.feature_cache == "on":
        return None
    uses, each = images.uses(trial.unit), trial.num_bytes_each
    if len(uses) * each > images.store.max_bytes:
        return "too_large"
    row = next(row for rows in examples for row in rows if IMAGE_KEYS in row)
    num_weights = sum(weight.numel() for weight in weights_that_see(model).values())
    operations = 2 * num_weights * num_patches(model, row) / len(keys_of(row, trial.unit))
    if operations < _LEAST_OPERATIONS_PER_BYTE * each:
        return "too_cheap"
    is_seen_once = spec.hyperparameters.num_epochs == 1 and uses.total() == len(uses)
    return "seen_once" if is_seen_once and not images.store.is_on_disk else None
