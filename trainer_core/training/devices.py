"""What a run computes on, and in which precision."""

from dataclasses import dataclass
from typing import Literal

import torch

from trainer_core.contract.errors import FailureCode, TrainerError
from trainer_core.contract.spec import JobSpec, Lora


@dataclass(frozen=True)
class Device:
    """Where and how a run computes."""

    accelerator: Literal["cpu", "gpu"]
    precision: Literal["fp32", "bf16"]
    dtype: torch.dtype
    """Of the loaded weights."""

    @property
    def name(self) -> str:
        """What the device calls itself."""
        return torch.cuda.get_device_name() if self.accelerator == "gpu" else "cpu"

    @classmethod
    def of(cls, spec: JobSpec) -> "Device":
        """What the spec asks for, as far as it is here.

        Raises:
            TrainerError: The spec asks for a GPU, and there is none.
        """
        has_gpu = torch.cuda.is_available()
        if spec.resources.gpus == 1 and not has_gpu:
            raise TrainerError(FailureCode.RESOURCES_UNAVAILABLE, "resources.gpus is 1, but there is no GPU here")
        accelerator: Literal["cpu", "gpu"] = "gpu" if has_gpu and spec.resources.gpus != 0 else "cpu"
        precision = spec.hyperparameters.precision
        if precision == "auto":
            precision = (
                "bf16" if accelerator == "gpu" and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
            )
        # Trained weights stay in float32, or small updates would be lost; frozen ones need not.
        is_frozen = isinstance(spec.method, Lora) and precision == "bf16"
        return cls(accelerator, precision, torch.bfloat16 if is_frozen else torch.float32)
