"""The same work on many items, by several processes: what a dataset's rows take is the processor's, one core each."""

import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from io import BytesIO
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from trainer_core.training.lifeline import die_with_parent

Item = TypeVar("Item")
Made = TypeVar("Made")
_LEAST_ITEMS = 128
"""To fork takes as long as some dozens of short rows."""
_MOST_PROCESSES = 8
_NUM_TOGETHER = 4
"""Items that a process takes at a time; not many, since an item with its pixels may take 50 MB."""


def num_processes() -> int:
    """As many as this process may use threads: not more than the cores that it was given."""
    return min(torch.get_num_threads(), _MOST_PROCESSES) if sys.platform == "linux" else 1


def each_in_forks(work: Callable[[Item], Made], items: Sequence[Item], most: int | None = None) -> Iterable[Made]:
    """What `work` makes of each item, in their order, however many processes made it.

    Args:
        work: Changes nothing that is asked for later: its process is a fork, and ends.
        items: A few are worked on by this process itself.
        most: Processes, where it is not `num_processes()` that decides.
    """
    most = num_processes() if most is None else most
    return map(work, items) if most == 1 or len(items) < _LEAST_ITEMS else _forked(work, items, most)


def end_with(parent_pid: int, _number: int) -> None:
    """What a loader's process does first: see to it that it does not outlive the trainer."""
    die_with_parent(parent_pid)


def ahead_in_forks(work: Callable[[Item], Made], items: Sequence[Item], number: int) -> Iterable[Made]:
    """What `work` makes of each item, in their order, some of it ahead; large tensors, which nobody keeps for long."""
    return _loader(work, items, number, batch_size=None, collate_fn=_as_it_is)


def _forked(work: Callable[[Item], Made], items: Sequence[Item], number: int) -> Iterator[Made]:
    for packed in _loader(work, items, number, batch_size=_NUM_TOGETHER, prefetch_factor=1, collate_fn=_packed):
        yield from pickle.loads(packed)  # noqa: S301 - from our own fork


def _loader(work: Callable[[Any], Any], items: Sequence[Any], number: int, **how: Any) -> DataLoader[Any]:
    return DataLoader(
        _Work(work, items),
        num_workers=number,
        multiprocessing_context="fork",
        worker_init_fn=partial(end_with, os.getpid()),
        **how,
    )


class _Work(Dataset[Any]):
    def __init__(self, work: Callable[[Any], Any], items: Sequence[Any]) -> None:
        self._work = work
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Any:
        return self._work(self._items[index])


class _Packer(pickle.Pickler):
    """Packs tensors as numpy's arrays: torch's own way takes a file for each, or ten times as long."""

    def reducer_override(self, one: Any) -> Any:
        return (torch.from_numpy, (one.numpy(),)) if isinstance(one, Tensor) else NotImplemented


def _as_it_is(made: Any) -> Any:
    return made


def _packed(made: list[Any]) -> bytes:
    packed = BytesIO()
    _Packer(packed, protocol=pickle.HIGHEST_PROTOCOL).dump(made)
    return packed.getvalue()
