"""What is found out about a model and its rows before the first step, and remembered for the next run of the kind.

It depends on how model, processor and rows are made, not on what the weights have learned; so a run over the same
dataset, or on from a checkpoint, need not try again.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from torch import Tensor

from trainer_core.contract.closed import Closed
from trainer_core.contract.events import FeaturesTried
from trainer_core.data.collation import collate
from trainer_core.data.encoding import IGNORED, EncodedRow
from trainer_core.data.pixels import Unit, keyed_by
from trainer_core.models.fingerprint import description
from trainer_core.models.head import has_plain_head
from trainer_core.models.sight import Joining, Sight
from trainer_core.training.failures import if_there_is_room
from trainer_core.training.feature_trial import Trial, try_features, why_not_tried, why_not_worth
from trainer_core.training.features import Images
from trainer_core.training.modes import in_evaluation
from trainer_core.training.packing import TOLERANCE
from trainer_core.training.rehearsal import rehearse

if TYPE_CHECKING:
    from trainer_core.training.fine_tuning import FineTuning

Examples = Sequence[Sequence[EncodedRow]]


class Finding(Closed):
    """How a run computes its rows, as far as it had to be tried."""

    features_of: Unit | None
    """What features stand for pixels of; None if they cannot."""
    joinings: dict[str, Joining]
    difference: float | None
    num_bytes_each: float
    is_row_by_row: bool
    has_plain_head: bool


def find_out(module: "FineTuning", images: Images, examples: Examples) -> None:
    """Decide how rows are computed from now on, and tell of features.

    Raises:
        TrainerError: The model cannot be trained on such rows.
    """
    refusal = why_not_tried(module.spec, module.base, images)
    if refusal not in (None, "no_images", "trained"):
        module.emit(FeaturesTried(verdict=refusal))
    key = _key(module, examples, is_tried=refusal is None)
    known = _recalled(images, key)
    with in_evaluation(module.base):
        trial = None if refusal else _decide_on_features(module, images, examples, known)
        if known is None:
            _rehearse(module, examples)
            _remember(images, key, module, trial)
        else:
            module.decisions.is_row_by_row = known.is_row_by_row
            module.decisions.has_plain_head = known.has_plain_head
    module.decisions.is_rehearsed = True


def _decide_on_features(
    module: "FineTuning", images: Images, examples: Examples, known: Finding | None
) -> Trial | None:
    """Keep features of images from now on, if that is exact and pays; what was tried."""
    spec, decisions, dtype = module.spec, module.decisions, module.compute_dtype
    if known is None:
        pad = images.rows[0].pad_token_id
        logits = partial(_logits, module)
        trial = try_features(module.base, examples, images.inputs, logits, pad, TOLERANCE[dtype])
    else:
        trial = _as_tried(known)
    if trial is None:
        module.emit(FeaturesTried(verdict="not_exact"))
        return None
    verdict = why_not_worth(spec, module.base, examples, images, trial)
    num_images, num_kept = len(images.uses(trial.unit)), 0
    if verdict is None:
        decisions.features_of, decisions.joinings = trial.unit, dict(trial.sight.joinings)
        assert module.features is not None
        num_kept = module.features.num_kept()
        module.features.take(trial.features)
    module.emit(
        FeaturesTried(
            verdict=verdict or "used",
            difference=trial.difference,
            num_images=num_images,
            num_kept=num_kept,
            num_bytes=round(num_images * trial.num_bytes_each),
        )
    )
    return trial


def _rehearse(module: "FineTuning", examples: Examples) -> None:
    """Try the examples of every kind; from now on, compute rows one by one if batches turn out otherwise."""
    decisions, unit = module.decisions, module.decisions.features_of
    keyed = [[row if unit is None else keyed_by(unit, row) for row in rows] for rows in examples]
    pad, logits = module.pad_token_id, partial(_logits, module)
    decisions.is_row_by_row = not rehearse(logits, keyed, decisions.room, pad, module.compute_dtype)
    first = collate(keyed[0][:1], pad)
    with if_there_is_room():
        is_plain = has_plain_head(module.base, lambda: logits(first))
        decisions.has_plain_head = is_plain and module.keeps_targets and not module.is_sharded


def _logits(module: "FineTuning", batch: Mapping[str, Any]) -> Tensor:
    return module.target_logits(module.on_device(batch), batch["labels"] != IGNORED)


def _key(module: "FineTuning", examples: Examples, *, is_tried: bool) -> str:
    """Names everything that a finding depends on."""
    room = module.decisions.room
    told = {
        **description(module.base, module.processor),
        "method": module.spec.method.model_dump(),
        "room": (room.batch_size, room.max_tokens),
        "computes": (str(module.compute_dtype), module.is_sharded),
        "are_features_tried": is_tried,
        "rows": [[sorted((name, tuple(one.shape)) for name, one in row.items()) for row in rows] for rows in examples],
    }
    return sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def _recalled(images: Images, key: str) -> Finding | None:
    text = images.store.recall(key)
    try:
        return None if text is None else Finding.model_validate_json(text)
    except ValidationError:
        return None


def _remember(images: Images, key: str, module: "FineTuning", trial: Trial | None) -> None:
    found = Finding(
        features_of=trial.unit if trial else None,
        joinings=dict(trial.sight.joinings) if trial else {},
        difference=trial.difference if trial else None,
        num_bytes_each=trial.num_bytes_each if trial else 0.0,
        is_row_by_row=module.decisions.is_row_by_row,
        has_plain_head=module.decisions.has_plain_head,
    )
    images.store.remember(key, found.model_dump_json())


def _as_tried(known: Finding) -> Trial | None:
    if known.features_of is None:
        return None
    return Trial(Sight(known.joinings), known.features_of, known.difference or 0.0, known.num_bytes_each, {})
