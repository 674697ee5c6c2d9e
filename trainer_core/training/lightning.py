"""Lightning's trainer and torch's loaders, set up for a job: no logger, no progress bar, nothing that costs a step."""

from functools import partial
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader

from trainer_core.contract.spec import JobSpec
from trainer_core.data.collation import Batch, StepCollator, collate
from trainer_core.data.dataset import EncodedRows
from trainer_core.training.devices import Device
from trainer_core.training.plan import Plan, StepSampler


def make_trainer(device: Device, plan: Plan, callbacks: list[pl.Callback]) -> pl.Trainer:
    """A trainer for the steps that are left, which Lightning sees as one epoch."""
    return pl.Trainer(
        accelerator=device.accelerator,
        devices=1,
        precision="bf16-mixed" if device.precision == "bf16" else "32-true",
        max_epochs=1,
        limit_train_batches=plan.total_steps - plan.first_step,
        limit_val_batches=0,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def train_loader(spec: JobSpec, rows: EncodedRows, plan: Plan) -> DataLoader[Any]:
    """The batches of each step that is left, step by step."""
    collator = StepCollator(spec.hyperparameters.batch_size, rows.pad_token_id)
    return _loader(spec, rows, batch_sampler=StepSampler(plan), collate_fn=collator)


def eval_loader(spec: JobSpec, rows: EncodedRows) -> DataLoader[Batch]:
    """Every row once, in the order of the file."""
    batch_size = spec.evaluation.batch_size or spec.hyperparameters.batch_size
    return _loader(spec, rows, batch_size=batch_size, collate_fn=partial(collate, pad_token_id=rows.pad_token_id))


def _loader(spec: JobSpec, rows: EncodedRows, **how: Any) -> DataLoader[Any]:
    num_workers = spec.resources.num_loader_workers
    return DataLoader(rows, num_workers=num_workers, persistent_workers=num_workers > 0, **how)
