"""`python -m trainer_core.doctor`: whether torch, CUDA and bitsandbytes compute on this host, for the doctor.

Everything is tried, not asked for: a library that loads may still not compute.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

from trainer_core.confinement import confine
from trainer_core.contract.check import Check, NotInOrder, examine, tell, warning

_DRIVER = Path("/proc/driver/nvidia/version")
_REINSTALL = "Install the extra again: pip install --constraint constraints.txt 'tuneyard[trainer]'"
_FILE_BYTES = 1 << 16
_MOST_LOST = 0.2
"""By quantising a standard normal weight in 4 bits, on the mean."""


def checks() -> Iterator[Check]:
    """Everything that a trainer stands on."""
    yield examine("processes", look_at_processes, "Run trainers on Linux or macOS")
    yield examine("torch", look_at_torch, _REINSTALL)
    yield examine("cuda", look_at_cuda, "Look at `nvidia-smi`, then at `python -m torch.utils.collect_env`")
    yield examine("bfloat16", look_at_bfloat16, _REINSTALL)
    yield examine("bitsandbytes", look_at_bitsandbytes, f"{_REINSTALL}; until then use quantization none")


def look_at_processes() -> str:
    """A process forks, and the kernel keeps it within its bounds."""
    child = os.fork()
    if child == 0:
        os._exit(_write_too_much())
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise NotInOrder("a forked process could not be confined", "Allow prctl and setrlimit to this container")
    return "forked, and held within its bounds"


def look_at_torch() -> str:
    """It computes."""
    import torch  # noqa: PLC0415 - what cannot be imported is found here

    if (torch.ones(2, 2) @ torch.ones(2, 2)).sum().item() != 8:  # noqa: PLR2004 - 2 * 4
        raise NotInOrder("a product of matrices is wrong", _REINSTALL)
    return f"torch {torch.__version__}"


def look_at_cuda(driver: Path = _DRIVER) -> str:
    """Where the kernel has NVIDIA's driver, torch computes on every GPU.

    Args:
        driver: What the kernel shows once it is loaded.
    """
    import torch  # noqa: PLC0415

    built = f"torch is built for CUDA {torch.version.cuda}" if torch.version.cuda else "torch is built without CUDA"
    if not torch.cuda.is_available():
        if not driver.exists():
            raise warning(f"no driver; {built}", "Fine where jobs train on the CPU")
        raise NotInOrder(f"{driver.read_text().splitlines()[0]}; {built}: {_refusal()}", _matching())
    names = []
    for index in range(torch.cuda.device_count()):
        torch.ones(8, 8, device=f"cuda:{index}").sum().item()
        names.append(torch.cuda.get_device_name(index))
    return f"{built} and computes on {', '.join(names)}"


def look_at_bfloat16() -> str:
    """It is computed, on the GPU by itself."""
    import torch  # noqa: PLC0415

    if not torch.cuda.is_available():
        torch.ones(2, 2, dtype=torch.bfloat16).sum().item()
        return "computed by the CPU, slowly"
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        raise warning("not of this GPU's own: it is emulated, slowly", "Set precision to fp32, or use a newer GPU")
    return "computed by the GPU"


def look_at_bitsandbytes() -> str:
    """A small weight survives four bits."""
    import bitsandbytes  # noqa: PLC0415
    import torch  # noqa: PLC0415

    device = "cuda" if torch.cuda.is_available() else "cpu"
    weight = torch.randn(64, 64, generator=torch.Generator().manual_seed(0)).to(device)
    packed, state = bitsandbytes.functional.quantize_4bit(weight, quant_type="nf4")
    lost = (bitsandbytes.functional.dequantize_4bit(packed, state) - weight).abs().mean().item()
    if lost > _MOST_LOST:
        raise NotInOrder(f"quantising a weight lost {lost:.2f} of it", _REINSTALL)
    return f"bitsandbytes {bitsandbytes.__version__} quantised on {device}"


def _write_too_much() -> int:
    """0 if the kernel refuses it to a confined process."""
    try:
        confine(file_bytes=_FILE_BYTES)
        with TemporaryFile() as file:
            file.write(bytes(2 * _FILE_BYTES))
    except OSError as error:
        return int(error.errno != errno.EFBIG)
    return 1


def _refusal() -> str:
    import torch  # noqa: PLC0415

    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        return str(error).splitlines()[0]
    return "it sees no GPU"


def _matching() -> str:
    return "Install a torch that fits the driver (https://pytorch.org/get-started/locally), or a newer driver"


if __name__ == "__main__":
    tell(checks())
