"""`python -m benchmarks.bound SPEC.json`: how fast a job could be at best, by a loop with nothing else in it.

One pass of the tower for each distinct image, then a step of the language model alone for each batch, with the head
only where there is a label. `--warm` has the features before it starts.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import seed_everything
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_
from transformers.modeling_outputs import BaseModelOutputWithPooling

from trainer_core.contract.spec import JobSpec, read_spec
from trainer_core.data.collation import Batch, collate
from trainer_core.data.dataset import EncodedRows
from trainer_core.data.encoding import IGNORED
from trainer_core.models.loading import load_model
from trainer_core.training.method import as_the_spec_says
from trainer_core.training.optimization import make_optimizer
from trainer_core.training.plan import Plan, StepSampler
from trainer_core.training.preparation import prepare
from trainer_core.training.stopping import StopRequest

PIXELS = ("pixel_values", "pixel_attention_mask")


def main() -> None:
    """Train as the spec says, and tell of each step."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bound", description=__doc__)
    parser.add_argument("spec", type=Path)
    parser.add_argument("--warm", action="store_true")
    arguments = parser.parse_args()
    spec = read_spec(arguments.spec)
    seed_everything(spec.seed, verbose=False)
    _, rows, _ = prepare(spec, StopRequest())
    plan = Plan.of(spec, len(rows), 0)
    base: Any = load_model(spec.base_model, dtype=torch.float32)
    as_the_spec_says(base, spec)
    base.train()
    features = features_of(base, rows, spec) if arguments.warm else None
    tell(type="run_started", total_steps=plan.total_steps)
    train(base, spec, plan, rows, features or features_of(base, rows, spec))


def features_of(base: Any, rows: EncodedRows, spec: JobSpec) -> list[Tensor]:
    """What the tower and the projector make of each row's image, in batches."""
    size, found = spec.hyperparameters.batch_size, []
    for start in range(0, len(rows), size):
        chosen = [rows[index] for index in range(start, min(start + size, len(rows)))]
        with torch.no_grad():
            pixels = (torch.cat([row[name] for row in chosen]) for name in PIXELS)
            found += base.model.get_image_features(*pixels, return_dict=True).pooler_output
    return found


def train(base: Any, spec: JobSpec, plan: Plan, rows: EncodedRows, features: Sequence[Tensor]) -> None:
    """The steps of the job, of the language model alone."""
    optimizer = make_optimizer(base, spec.hyperparameters)
    trained = [parameter for parameter in base.parameters() if parameter.requires_grad]
    texts = [{name: value for name, value in rows[index].items() if name not in PIXELS} for index in range(len(rows))]
    for step, chosen in enumerate(StepSampler(plan), start=1):
        batch = collate([texts[index] for index in chosen], rows.pad_token_id)
        loss = loss_of(base, batch, [features[index] for index in chosen])
        loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(trained, spec.hyperparameters.max_grad_norm or float("inf"))
        optimizer.step()
        optimizer.zero_grad()
        tell(type="step_completed", step=step, loss=loss.item())


def loss_of(base: Any, batch: Batch, features: Sequence[Tensor]) -> Tensor:
    """Mean over the labels, which stand where the logits that they are for do."""
    labels = batch["labels"]
    inputs: Mapping[str, Tensor] = {name: value for name, value in batch.items() if name != "labels"}
    known = {"image": BaseModelOutputWithPooling(pooler_output=list(features))}  # type: ignore[arg-type]
    kept = labels != IGNORED
    logits = base(**inputs, mm_encoder_outputs=known, logits_to_keep=kept, use_cache=False).logits
    return cross_entropy(logits.reshape(-1, logits.shape[-1]), labels[kept])


def tell(**event: object) -> None:
    """One event, as the trainer writes them."""
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    main()
