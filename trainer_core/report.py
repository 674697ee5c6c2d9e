"""`python -m trainer_core.report SPEC.json`: all that can be known about a job before it trains; composition root.

Rows are encoded as training will encode them, on the CPU; the model is made without weights.
"""

import argparse
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from trainer_core.contract.errors import TrainerError
from trainer_core.contract.report import Estimate, JobReport, MemoryEstimate, Problem, RowsReport
from trainer_core.contract.spec import JobSpec, Lora, read_spec
from trainer_core.data.dataset import EncodedRows
from trainer_core.data.encoding import Encoded
from trainer_core.data.pairing import Rows, as_taken
from trainer_core.data.prepared import Shelf
from trainer_core.data.rendering import Processor
from trainer_core.models.loading import own_dtype
from trainer_core.training.devices import Device
from trainer_core.training.failures import loading
from trainer_core.training.memory import Skeleton, device_bytes, num_patches, worst_shape
from trainer_core.training.plan import Plan
from trainer_core.training.preparation import hub_source, prepare
from trainer_core.training.preview import pixels_kept, preview
from trainer_core.training.stopping import StopRequest
from trainer_core.training.survey import Survey

log = logging.getLogger(__name__)

_NUM_PREVIEWED = 3
_LEAST_PIXELS = 0.25
"""Part of an image's pixels below which a person should know."""


def report(spec: JobSpec, stop: StopRequest, shelf: Shelf | None = None) -> JobReport:
    """What is known about a job, whose base model and datasets are paths; why it would fail, if that is known.

    Args:
        shelf: Where prepared rows are kept for the job's trainer.

    Raises:
        StopAsked: Nobody wants to know any more.
    """
    begun_at = time.monotonic()
    try:
        found = _found(spec, stop, shelf)
    except TrainerError as failure:
        problem = Problem(code=failure.code, message=failure.message, faults=failure.first_faults)
        found = JobReport(is_valid=False, problem=problem)
    return found.model_copy(update={"seconds": time.monotonic() - begun_at})


def _found(spec: JobSpec, stop: StopRequest, shelf: Shelf | None) -> JobReport:
    device = Device.of(spec, is_elsewhere=True)  # the worker that claims the job has what it asks for
    surveys = (Survey(), Survey())
    processor, train_rows, eval_rows = prepare(spec, stop, (surveys[0].take, surveys[1].take), shelf)
    with loading(spec.base_model):
        skeleton = Skeleton(spec, device)
    train = surveys[0].report(train_rows.num_lines)
    evaluation = surveys[1].report(eval_rows.num_lines) if eval_rows is not None else None
    items, _ = as_taken(train_rows, None)
    shown = [number for index in range(min(_NUM_PREVIEWED, len(items))) for number in items.samples_of(index)]
    samples = [train_rows.encoded(number) for number in shown]
    estimate, why_none = _estimate(spec, device, skeleton, train_rows, items)
    num_leaked = surveys[1].num_shared_with(surveys[0])
    told = (*why_none, *_about_rows(train, evaluation, num_leaked), *_about_model(processor, samples, estimate))
    tokenizer: Any = getattr(processor, "tokenizer", processor)
    return JobReport(
        is_valid=True,
        warnings=told,
        train=train,
        evaluation=evaluation,
        num_leaked_rows=num_leaked,
        estimate=estimate,
        preview=tuple(
            preview(one, train_rows.line(number).number, tokenizer) for number, one in zip(shown, samples, strict=True)
        ),
    )


def _estimate(
    spec: JobSpec, device: Device, skeleton: Skeleton, rows: EncodedRows, items: Rows
) -> tuple[Estimate | None, tuple[str, ...]]:
    """What the job will take; or why that cannot be told, which is no reason not to run it."""
    plan = Plan.of(spec, len(items), 0)
    longest = rows.encoded(max(range(len(rows)), key=rows.num_tokens.__getitem__)).tensors
    shape = worst_shape(items.num_tokens, spec.hyperparameters, len(items.samples_of(0)))
    try:
        memory = skeleton.memory(shape, rows.most_targets, longest, device_bytes(device, psutil.virtual_memory().total))
    except Exception as error:
        log.warning("memory cannot be estimated", exc_info=error)
        return None, (f"what the job takes cannot be estimated for this model ({type(error).__name__})",)
    epochs = plan.total_steps / plan.steps_per_epoch
    size = sum(rows.num_tokens), num_patches(skeleton.base, longest) * len(rows)
    return Estimate(
        num_parameters=skeleton.num_parameters,
        num_trainable_parameters=skeleton.num_trainable,
        steps_per_epoch=plan.steps_per_epoch,
        total_steps=plan.total_steps,
        memory=memory,
        disk_bytes=_disk_bytes(spec, skeleton),
        flops=epochs * skeleton.flops(*size) + (skeleton.forward_flops(*size) if rows.kind == "pair" else 0),
    ), ()


def _disk_bytes(spec: JobSpec, skeleton: Skeleton) -> int:
    """Checkpoints that are kept, one more while it is written, and the artifact."""
    kept = spec.checkpointing.keep_last + (spec.checkpointing.keep_best and spec.eval_dataset is not None) + 1
    whole = skeleton.num_base_parameters * own_dtype(spec.base_model, **hub_source(spec)).itemsize
    if not isinstance(spec.method, Lora):
        return kept * skeleton.state_bytes() + whole
    adapter = (skeleton.num_parameters - skeleton.num_base_parameters) * 4
    return kept * skeleton.state_bytes() + adapter + (whole if spec.export.merged else 0)


def _about_rows(train: RowsReport, evaluation: RowsReport | None, num_leaked: int) -> Iterator[str]:
    if train.num_duplicates:
        yield f"{train.num_duplicates} of {train.num_samples} training rows repeat another one"
    if evaluation is not None and num_leaked:
        yield f"{num_leaked} of {evaluation.num_samples} evaluation rows are training rows too: scores will flatter"
    for name, rows in (("training", train), ("evaluation", evaluation)):
        if rows is not None and rows.num_shrunk_images:
            yield (
                f"{rows.num_shrunk_images} of {rows.num_images} {name} images are made smaller to fit their rows: "
                "places that a text names in pixels are wrong then, and small print may be lost"
            )


def _about_model(processor: Processor, samples: Sequence[Encoded], estimate: Estimate | None) -> Iterator[str]:
    if not processor.chat_template:
        yield "the base model has no chat template: a row is written as its question, a new line, and its answer"
    kept = min((pixels_kept(one) for one in samples), default=1.0)
    if kept < _LEAST_PIXELS:
        yield f"the model is given {kept:.0%} of the pixels of the first images: small text may be lost"
    if estimate is not None and not estimate.memory.fits:
        yield _does_not_fit(estimate.memory)


def _does_not_fit(memory: MemoryEstimate) -> str:
    needed, there = (f"{number / 1e9:.1f} GB" for number in (memory.total_bytes, memory.device_bytes or 0))
    return (
        f"the worst batch needs about {needed}, where the device has {there}: lower batch_size and raise "
        "gradient_accumulation_steps, switch gradient_checkpointing on, or take a LoRA on a quantised model"
    )


def main() -> int:
    """Print the report as one line of JSON; exit code 0 if the job can run, 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m trainer_core.report", description=__doc__)
    parser.add_argument("spec", type=Path, help="a JobSpec as JSON")
    try:
        found = report(read_spec(parser.parse_args().spec), StopRequest())
    except TrainerError as failure:
        parser.error(failure.message)
    print(found.model_dump_json())  # noqa: T201 - the report is what this program is for
    return 0 if found.is_valid else 1


if __name__ == "__main__":
    sys.exit(main())
