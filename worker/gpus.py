"""The GPUs of this host that jobs may use, as the driver tells; no CUDA is started for that."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pynvml

from store.tables import Gpu


def find_gpus() -> tuple[Gpu, ...]:
    """Every GPU, or those that `CUDA_VISIBLE_DEVICES` of this process names by UUID or by the driver's number."""
    with _driver() as is_there:
        if not is_there:
            return ()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        found = [
            Gpu(
                uuid=pynvml.nvmlDeviceGetUUID(handle),
                name=pynvml.nvmlDeviceGetName(handle),
                num_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
            )
            for handle in handles
        ]
    return visible(found, os.environ.get("CUDA_VISIBLE_DEVICES"))


def visible(gpus: list[Gpu], named: str | None) -> tuple[Gpu, ...]:
    """Those that `named` names, in its order; all if it is None. As for CUDA, the first unknown name ends the list."""
    if named is None:
        return tuple(gpus)
    chosen: list[Gpu] = []
    for name in (one.strip() for one in named.split(",")):
        matching = [gpu for index, gpu in enumerate(gpus) if name and (str(index) == name or gpu.uuid.startswith(name))]
        if len(matching) != 1:
            break
        chosen += matching
    return tuple(chosen)


@contextmanager
def _driver() -> Iterator[bool]:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver, or none that is loaded
        yield False
        return
    try:
        yield True
    finally:
        pynvml.nvmlShutdown()
