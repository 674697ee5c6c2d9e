"""Which GPUs a worker uses; that the driver is asked rightly shows only where there is one."""

import pytest

from store.tables import Gpu
from worker.gpus import find_gpus, visible

FIRST = Gpu(uuid="GPU-1a", name="first", num_bytes=10)
SECOND = Gpu(uuid="GPU-2b", name="second", num_bytes=10)


@pytest.mark.parametrize(
    ("named", "chosen"),
    [
        (None, (FIRST, SECOND)),
        ("", ()),
        ("1", (SECOND,)),
        ("1,0", (SECOND, FIRST)),
        ("GPU-2b", (SECOND,)),
        ("GPU-1", (FIRST,)),
        ("0,7,1", (FIRST,)),
        ("-1", ()),
    ],
)
def test_the_environment_names_gpus_as_for_cuda(named: str | None, chosen: tuple[Gpu, ...]) -> None:
    assert visible([FIRST, SECOND], named) == chosen


def test_a_worker_that_is_to_see_no_gpu_finds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    assert find_gpus() == ()
