"""Lightning's trainer and torch's loaders, set up for a job: no logger, no progress bar, nothing that costs a step."""

import os
import resource
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

import pytorch_lightning as pl
from pytorch_lightning.strategies import ModelParallelStrategy, Strategy
from torch.utils.data import BatchSampler, DataLoader, Sampler, SequentialSampler

from trainer_core.contract.spec import JobSpec
from trainer_core.data.pairing import Rows
from trainer_core.training import ranks
from trainer_core.training.devices import Device
from trainer_core.training.forks import end_with, num_processes
from trainer_core.training.plan import Plan, StepSampler
from trainer_core.training.ranks import Ranks

_MOST_WORKERS = 4
"""Processes of a loader, where nobody asked for a number."""


def make_trainer(device: Device, num_steps: int, callbacks: list[pl.Callback]) -> pl.Trainer:
    """A trainer for so many steps, which Lightning sees as one epoch."""
    return pl.Trainer(
        accelerator=device.accelerator,
        devices=device.num_ranks // device.num_nodes,
        num_nodes=device.num_nodes,
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


def train_loader(spec: JobSpec, rows: Rows, plan: Plan, device: Device) -> DataLoader[Any]:
    """The rows that each step that is left takes of this rank: all of them, where the ranks share a model."""
    steps = _step_sampler(spec, rows, plan)
    return _loader(spec, rows, device, batch_sampler=steps if device.is_sharded else _OwnRows(steps))


def step_lines(spec: JobSpec, rows: Rows, plan: Plan) -> Callable[[int], list[int]]:
    """Tells which lines of the dataset a step takes, steps counted from 0."""
    sampler = _step_sampler(spec, rows, plan)
    return lambda step: [rows.line(index).number for index in sampler.rows(step)]


def eval_loader(spec: JobSpec, rows: Rows, device: Device) -> DataLoader[Any]:
    """This rank's batches of every row, in the order of the file; all of them, where the ranks share a model."""
    batch_size = spec.evaluation.batch_size or spec.hyperparameters.batch_size
    batches = BatchSampler(SequentialSampler(rows), batch_size, drop_last=False)
    return _loader(spec, rows, device, batch_sampler=batches if device.is_sharded else _OwnBatches(batches))


def _step_sampler(spec: JobSpec, rows: Rows, plan: Plan) -> StepSampler:
    return StepSampler(plan, rows.num_tokens if spec.hyperparameters.group_by_length else None)


class _OwnRows(Sampler[Sequence[int]]):
    """Of each step, the rows that this rank computes."""

    def __init__(self, steps: StepSampler) -> None:
        self._steps = steps

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[Sequence[int]]:
        return map(ranks.share, self._steps)


class _OwnBatches(Sampler[list[int]]):
    """Of batches, those that this rank computes."""

    def __init__(self, batches: BatchSampler) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[list[int]]:
        return iter(ranks.share(list(self._batches)))


def _loader(spec: JobSpec, rows: Rows, device: Device, **how: Any) -> DataLoader[Any]:
    # Processes end with their pass over the rows: kept for the next one, the last would end only after five seconds
    # each, when a garbage collection had taken the queue by which torch tells them to.
    num_workers, end_with_trainer = _num_workers(spec, rows, device), partial(end_with, os.getpid())
    if num_workers:
        _allow_files()
    return DataLoader(rows, num_workers=num_workers, worker_init_fn=end_with_trainer, collate_fn=list, **how)


def _num_workers(spec: JobSpec, rows: Rows, device: Device) -> int:
    """As many as the spec says; by itself, some where a processor makes pixels while a GPU computes."""
    asked = spec.resources.num_loader_workers
    if asked != "auto":
        return asked
    return min(num_processes(), _MOST_WORKERS) if device.accelerator == "gpu" and rows.has_images else 0


def _allow_files() -> None:
    """Each tensor of a loader's process is an open file here: some batches of rows are more than the usual 1,024."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
