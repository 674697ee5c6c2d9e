"""What a run needs before its model: a processor that can write chats, and rows that can be trained on."""

import json
from pathlib import Path
from typing import Any

from trainer_core.contract.manifest import sha256_of
from trainer_core.contract.spec import JobSpec
from trainer_core.data.dataset import EncodedRows, Look, open_rows
from trainer_core.data.encoding import Encoder
from trainer_core.data.rendering import Processor
from trainer_core.data.shelf import Shelf
from trainer_core.models.fingerprint import fingerprint
from trainer_core.models.loading import context_tokens, load_processor, required_inputs
from trainer_core.training.failures import loading
from trainer_core.training.stopping import StopRequest


def hub_source(spec: JobSpec) -> dict[str, Any]:
    """Keywords of `from_pretrained` that say which state of a hub model is meant."""
    return {"revision": spec.revision} if spec.revision else {}


def prepare(
    spec: JobSpec,
    stop: StopRequest,
    looks: tuple[Look | None, Look | None] = (None, None),
    cache: Path | None = None,
) -> tuple[Processor, EncodedRows, EncodedRows | None]:
    """The processor, the rows to train on and those to evaluate on, each looked at.

    Args:
        spec: Its base model and datasets are paths.
        stop: Ends it between two rows.
        looks: Who is shown each sample of the first and of the second.
        cache: Folder for what others need not do again.

    Raises:
        TrainerError: The base model has no processor.
        InvalidDataset: Some row cannot be trained on.
    """
    source = hub_source(spec)
    with loading(spec.base_model):
        processor = load_processor(spec.base_model, **source)
        context = context_tokens(spec.base_model, **source)
        required = required_inputs(spec.base_model, **source)
    limits = [limit for limit in (context, spec.hyperparameters.max_tokens) if limit is not None]
    encoder = Encoder(processor, min(limits, default=None), spec.hyperparameters.train_on, required)
    train_rows, eval_rows = open_rows(spec, encoder)
    train_shelf, eval_shelf = _shelves(spec, cache)
    train_rows.prepare(stop.obey, looks[0], train_shelf)
    if eval_rows is not None:
        eval_rows.prepare(stop.obey, looks[1], eval_shelf)
    return processor, train_rows, eval_rows


def _shelves(spec: JobSpec, cache: Path | None) -> tuple[Shelf | None, Shelf | None]:
    """Where the rows to train on may be found encoded, and those to evaluate on."""
    model = fingerprint(spec.base_model, **hub_source(spec))
    if cache is None or model is None:
        return None, None
    chosen, split = spec.hyperparameters, spec.eval_dataset
    how = [model, sha256_of(Path(spec.train_dataset)), chosen.max_tokens, chosen.train_on, spec.seed]
    is_file = isinstance(split, str)
    held_out = sha256_of(Path(split)) if isinstance(split, str) else split and split.model_dump_json()
    train, evaluation = [*how, None if is_file else held_out], [*how, held_out, "evaluation"]
    folder = cache / "rows"
    return Shelf(folder, json.dumps(train)), Shelf(folder, json.dumps(evaluation))
