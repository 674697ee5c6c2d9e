"""Lightning's trainer and torch's loaders, set up for a job: no logger, no progress bar, nothing that costs a step."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import pytorch_lightning as pl
from pytorch_lightning.strategies import ModelParallelStrategy, Strategy
from torch.utils.data import DataLoader

from trainer_core.contract.spec import JobSpec
from trainer_core.data.dataset import EncodedRows
from trainer_core.training.devices import Device
from trainer_core.training.forks import end_with
from trainer_core.training.plan import Plan, StepSampler
from trainer_core.training.ranks import Ranks


def make_trainer(device: Device, num_steps: int, callbacks: list[pl.Callback]) -> pl.Trainer:
    """A trainer for so many steps, which Lightning sees as one epoch."""
    return pl.Trainer(
        accelerator=device.accelerator,
        devices=device.num_ranks,
        strategy=_strategy(device),
        precision="bf16-mixed" if device.precision == "bf16" else "32-true",
        max_epochs=1,
        limit_train_batches=num_steps,
        limit_val_batches=0,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _strategy(device: Device) -> Strategy | Literal["auto"]:
    if device.is_sharded:
        return ModelParallelStrategy(device.num_ranks, 1, save_distributed_checkpoint=False)
    return Ranks() if device.num_ranks > 1 else "auto"


def train_loader(spec: JobSpec, rows: EncodedRows, plan: Plan) -> DataLoader[Any]:
    """The rows of each step that is left, step by step."""
    return _loader(spec, rows, batch_sampler=_step_sampler(spec, rows, plan))


def step_lines(spec: JobSpec, rows: EncodedRows, plan: Plan) -> Callable[[int], list[int]]:
    """Tells which lines of the dataset a step takes, steps counted from 0."""
    sampler = _step_sampler(spec, rows, plan)
    return lambda step: [rows.line(index).number for index in sampler.rows(step)]


def eval_loader(spec: JobSpec, rows: EncodedRows) -> DataLoader[Any]:
    """Every row once, in the order of the file."""
    return _loader(spec, rows, batch_size=spec.evaluation.batch_size or spec.hyperparameters.batch_size)


def _step_sampler(spec: JobSpec, rows: EncodedRows, plan: Plan) -> StepSampler:
    return StepSampler(plan, rows.num_tokens if spec.hyperparameters.group_by_length else None)


def _loader(spec: JobSpec, rows: EncodedRows, **how: Any) -> DataLoader[Any]:
    # Processes end with their pass over the rows: kept for the next one, the last would end only after five seconds
    # each, when a garbage collection had taken the queue by which torch tells them to.
    num_workers, end_with_trainer = spec.resources.num_loader_workers, partial(end_with, os.getpid())
    return DataLoader(rows, num_workers=num_workers, worker_init_fn=end_with_trainer, collate_fn=list, **how)
