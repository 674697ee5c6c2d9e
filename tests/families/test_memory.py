"""The memory that is foretold for a job is near what its steps take, for every family."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from tests.families.catalogue import Family, each
from tests.families.test_matrix import spec_of
from trainer_core.contract.spec import FullFineTune, JobSpec, Lora, Method
from trainer_core.data.collation import collate
from trainer_core.data.encoding import EncodedRow
from trainer_core.models.loading import load_model
from trainer_core.module import HFAutoModelForImageTextToText
from trainer_core.training.devices import Device
from trainer_core.training.memory import Skeleton, worst_shape
from trainer_core.training.method import as_the_spec_says
from trainer_core.training.optimization import make_optimizer
from trainer_core.training.preparation import prepare
from trainer_core.training.stopping import StopRequest


def peak_bytes(run: Callable[[], None]) -> int:
    """Most memory that torch holds at once meanwhile."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        run()
    now = peak = 0
    assert profiled.profiler is not None
    for event in profiled.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    return peak


def two_steps(spec: JobSpec, rows: list[EncodedRow]) -> None:
    base = load_model(spec.base_model, dtype=torch.float32)
    module = HFAutoModelForImageTextToText()
    module.model = as_the_spec_says(base, spec).train()
    optimizer = make_optimizer(base, spec.hyperparameters)
    for _ in range(2):
        module.loss(collate(rows, 0)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.long
@pytest.mark.parametrize("method", [FullFineTune(), Lora(rank=8)], ids=["full", "lora"])
@each()
def test_memory_is_foretold(family: Family, method: Method, folder: Path, tmp_path: Path) -> None:
    assert family.name
    spec = spec_of(family, folder, tmp_path).model_copy(update={"method": method})
    _, rows, _ = prepare(spec, StopRequest())
    longest = rows[max(range(len(rows)), key=rows.num_tokens.__getitem__)]
    shape = worst_shape(rows.num_tokens, spec.hyperparameters)

    foretold = Skeleton(spec, Device.of(spec)).memory(shape, rows.most_targets, longest, None).total_bytes

    taken = peak_bytes(lambda: two_steps(spec, [longest] * shape[0]))
    assert taken / 1.6 < foretold < taken * 1.6
