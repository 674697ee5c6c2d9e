"""What a run needs before its model: a processor that can write chats, and rows that can be trained on."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.manifest import sha256_of
from trainer_core.contract.spec import JobSpec
from trainer_core.contract.trust import trusted_code
from trainer_core.data.dataset import EncodedRows, Look, open_rows
from trainer_core.data.encoding import Encoder
from trainer_core.data.prepared import Shelf, code_that_encodes
from trainer_core.data.rendering import Processor
from trainer_core.models.fingerprint import fingerprint
from trainer_core.models.loading import context_tokens, load_processor, required_inputs
from trainer_core.patience import TookTooLong
from trainer_core.training.failures import loading
from trainer_core.training.forks import each_in_forks
from trainer_core.training.stopping import StopRequest

Digest = Callable[[Path], str]


def hub_source(spec: JobSpec) -> dict[str, Any]:
    """Keywords of `from_pretrained` that say which state of a hub model is meant, and whether its code may run."""
    is_trusted = f"{spec.base_model}@{spec.revision}" in trusted_code(os.environ)
    revision = {"revision": spec.revision} if spec.revision else {}
    return revision | ({"trust_remote_code": True} if is_trusted else {})


def prepare(
    spec: JobSpec,
    stop: StopRequest,
    looks: tuple[Look | None, Look | None] = (None, None),
    shelf: Shelf | None = None,
    digest: Digest = sha256_of,
) -> tuple[Processor, EncodedRows, EncodedRows | None]:
    """The processor, the rows to train on and those to evaluate on, each looked at.

    Args:
        spec: Its base model and datasets are paths.
        stop: Ends it between two rows.
        looks: Who is shown each sample of the first and of the second.
        shelf: Where prepared rows are kept for others.
        digest: Of a dataset.

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
    way = _way(spec, encoder) if shelf else None
    for rows, look in zip((train_rows, eval_rows), looks, strict=True):
        if rows is not None:
            place = (shelf, rows.named(way, digest(rows.path))) if shelf and way else None
            with _template_in_time(spec):
                rows.prepare(stop.obey, look, place, each_in_forks)
    return processor, train_rows, eval_rows


@contextmanager
def _template_in_time(spec: JobSpec) -> Iterator[None]:
    try:
        yield
    except TookTooLong as error:
        message = f"the base model {spec.base_model!r} cannot be used: its chat template takes too long for one row"
        raise TrainerError(FailureCode.BASE_MODEL_UNUSABLE, message) from error


def _way(spec: JobSpec, encoder: Encoder) -> str | None:
    """Names all that makes a row's tensors, beside the row; None if the base model's state has no name."""
    model = fingerprint(spec.base_model, **hub_source(spec))
    kind, train_on = spec.objective.type, spec.hyperparameters.train_on
    chosen = (encoder.max_tokens, kind, train_on, sorted(encoder.required), spec.seed)
    return json.dumps([model, chosen, code_that_encodes()]) if model else None
