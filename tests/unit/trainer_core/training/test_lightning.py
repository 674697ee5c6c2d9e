"""Torch's loaders as a run has them: which rows they give, and by which processes."""

import resource
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from trainer_core.contract.spec import Hyperparameters, JobSpec, Resources
from trainer_core.data.dataset import EncodedRows
from trainer_core.training import ranks
from trainer_core.training.devices import Device
from trainer_core.training.lightning import eval_loader, train_loader
from trainer_core.training.plan import Plan
from trainer_core.training.preparation import prepare
from trainer_core.training.stopping import StopRequest

CPU, GPU = Device("cpu", "fp32", torch.float32), Device("gpu", "bf16", torch.bfloat16)
SHARDED = Device("cpu", "fp32", torch.float32, num_ranks=2, is_sharded=True)
WriteRows = Callable[[Path, Sequence[dict[str, Any]]], Path]
Chat = Callable[..., dict[str, Any]]


def spec_of(starter_dir: Path, path: Path, num_loader_workers: Any = "auto", batch_size: int = 4) -> JobSpec:
    return JobSpec(
        base_model=str(starter_dir),
        train_dataset=str(path),
        hyperparameters=Hyperparameters(num_epochs=1, batch_size=batch_size),
        resources=Resources(num_loader_workers=num_loader_workers),
    )


def rows_of(spec: JobSpec) -> EncodedRows:
    return prepare(spec, StopRequest())[1]


def ids(rows: Sequence[Any]) -> list[list[int]]:
    return [row["input_ids"][0].tolist() for row in rows]


@pytest.fixture
def spec(starter_dir: Path, tmp_path: Path, chat: Chat, write_rows: WriteRows) -> JobSpec:
    """Six rows, each with an answer of its own."""
    path = write_rows(tmp_path / "rows.jsonl", [chat(str(number)) for number in range(6)])
    return spec_of(starter_dir, path)


@pytest.mark.parametrize(("device", "expected"), [(CPU, 0), (GPU, 2)])
def test_pixels_are_made_by_processes_of_their_own_where_a_gpu_computes(
    spec: JobSpec, monkeypatch: pytest.MonkeyPatch, device: Device, expected: int
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    rows = rows_of(spec)

    loader = train_loader(spec, rows, Plan.of(spec, len(rows), 0), device)

    assert loader.num_workers == expected


def test_rows_of_text_come_from_the_trainer_itself(
    starter_dir: Path, tmp_path: Path, chat: Chat, write_rows: WriteRows
) -> None:
    spec = spec_of(starter_dir, write_rows(tmp_path / "rows.jsonl", [chat(shade=None)]))
    rows = rows_of(spec)

    assert train_loader(spec, rows, Plan.of(spec, 1, 0), GPU).num_workers == 0


@pytest.fixture
def second_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "rank", lambda: 1)
    monkeypatch.setattr(ranks, "num_ranks", lambda: 2)


@pytest.mark.usefixtures("second_of_two")
def test_a_rank_is_given_its_own_rows_of_each_step(spec: JobSpec) -> None:
    rows = rows_of(spec)
    plan = Plan.of(spec, len(rows), 0)
    steps = [ids(step) for step in train_loader(spec, rows, plan, SHARDED)]

    own = [ids(step) for step in train_loader(spec, rows, plan, CPU)]

    assert own == [step[1::2] for step in steps]


@pytest.mark.usefixtures("second_of_two")
def test_a_rank_evaluates_its_own_batches(spec: JobSpec) -> None:
    rows = rows_of(spec)

    [own] = list(eval_loader(spec, rows, CPU))

    assert ids(own) == ids([rows[4], rows[5]])


@pytest.fixture
def few_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (psutil.Process().num_fds() + 64, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_files")
def test_large_batches_of_loader_processes_do_not_run_out_of_files(
    starter_dir: Path, tmp_path: Path, chat: Chat, write_rows: WriteRows
) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [chat() for _ in range(96)])
    spec = spec_of(starter_dir, path, num_loader_workers=1, batch_size=96)
    rows = rows_of(spec)

    [step] = list(train_loader(spec, rows, Plan.of(spec, len(rows), 0), CPU))

    assert len(step) == 96
