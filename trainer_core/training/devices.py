"""What a run computes on, and in which precision."""

from dataclasses import dataclass
from typing import Literal

import torch

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.spec import JobSpec, Lora
from trainer_core.training import launch


@dataclass(frozen=True)
class Device:
    """Where and how a run computes."""

    accelerator: Literal["cpu", "gpu"]
    precision: Literal["fp32", "bf16"]
    dtype: torch.dtype
    """Of the loaded weights."""
    num_ranks: int = 1
    """Processes that share each step's rows, one a GPU, on all nodes together."""
    is_sharded: bool = False
    """True if the model is spread over them."""
    num_nodes: int = 1
    """Machines that these processes are on, equally many on each."""

    @property
    def name(self) -> str:
        """What the device calls itself."""
        return torch.cuda.get_device_name() if self.accelerator == "gpu" else "cpu"

    @classmethod
    def of(cls, spec: JobSpec, *, is_elsewhere: bool = False) -> "Device":
        """What the spec asks for, as far as it is here; or as it will be on another machine that has what it asks for.

        Under torchrun, resources are those of each node.

        Raises:
            TrainerError: The spec asks for more GPUs than there are, or torchrun has started another number of
                processes.
        """
        asked, here = spec.resources.gpus, torch.cuda.device_count()
        num_gpus = min(here, launch.num_per_node(1)) if asked == "auto" else asked
        if num_gpus > here and not is_elsewhere:
            message = f"resources.gpus is {num_gpus}, but there {'is no GPU' if here == 0 else f'are only {here}'} here"
            raise TrainerError(FailureCode.RESOURCES_UNAVAILABLE, message)
        accelerator: Literal["cpu", "gpu"] = "gpu" if num_gpus else "cpu"
        precision = spec.hyperparameters.precision
        if precision == "auto":
            has_bf16 = num_gpus > here or (num_gpus > 0 and torch.cuda.is_bf16_supported(including_emulation=False))
            precision = "bf16" if has_bf16 else "fp32"
        # Trained weights stay in float32, or small updates would be lost; frozen ones need not.
        is_frozen = isinstance(spec.method, Lora) and precision == "bf16"
        dtype = torch.bfloat16 if is_frozen else torch.float32
        num_ranks = _per_node(num_gpus, spec) * launch.num_nodes()
        is_sharded = num_ranks > 1 and spec.resources.shard_model
        return cls(accelerator, precision, dtype, num_ranks, is_sharded, launch.num_nodes())


def _per_node(num_gpus: int, spec: JobSpec) -> int:
    """Processes of a node, which torchrun has started if it is there."""
    asked = num_gpus or spec.resources.cpu_processes
    started = launch.num_per_node(asked)
    if started != asked:
        name = "gpus" if num_gpus else "cpu_processes"
        message = f"torchrun started {started} processes on this node, but resources.{name} makes it {asked}"
        raise TrainerError(FailureCode.RESOURCES_UNAVAILABLE, f"{message}; give --nproc-per-node the same number")
    return asked
