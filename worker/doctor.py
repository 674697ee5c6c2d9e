"""`python -m worker.doctor`: what this host has for jobs, as its drivers tell, for the doctor."""

from collections.abc import Iterable
from pathlib import Path

import pynvml

from store.tables import Gpu
from trainer_core.contract.check import NotInOrder, examine, tell, warning
from worker.gpus import find_gpus

_DEVICES = Path("/dev")
_NODE = "nvidia[0-9]*"


def look_at_driver(gpus: Iterable[Gpu], devices: Path = _DEVICES) -> str:
    """The driver answers and has GPUs.

    Args:
        gpus: Those that jobs may use.
        devices: Where the kernel has its nodes.
    """
    told = [f"{gpu.name} ({gpu.num_bytes / 1e9:.0f} GB)" for gpu in gpus]
    if told:
        return f"driver {_version()}: {', '.join(told)}"
    if nodes := sorted(path.name for path in devices.glob(_NODE)):
        raise NotInOrder(
            f"{', '.join(nodes)} are there, and the driver gives none of them to jobs",
            "Look at `nvidia-smi` and at CUDA_VISIBLE_DEVICES; in a container, give it the GPUs and `utility`",
        )
    raise warning("no GPU: jobs train on the CPU", "Fine for small models; else install NVIDIA's driver on this host")


def _version() -> str:
    pynvml.nvmlInit()
    try:
        return str(pynvml.nvmlSystemGetDriverVersion())
    finally:
        pynvml.nvmlShutdown()


if __name__ == "__main__":
    tell([examine("gpu driver", lambda: look_at_driver(find_gpus()), "Look at `nvidia-smi`")])
