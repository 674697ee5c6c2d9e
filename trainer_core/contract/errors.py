"""Why a run failed: stable codes that reports, clients and documentation share.

```
TrainerError            a run that cannot go on, with its code
└─ InvalidDataset       rows that cannot be trained on, each fault with its place
```
"""

from collections.abc import Sequence
from enum import StrEnum

from trainer_core.contract.dataset import MAX_FAULTS, DatasetFault


class FailureCode(StrEnum):
    """Why a job failed. Codes are never renamed; each member's docstring says what to do."""

    INVALID_SPEC = "invalid_spec"
    """The spec cannot be read. The message names its wrong fields."""
    BASE_MODEL_UNUSABLE = "base_model_unusable"
    """The base model cannot be loaded. Check its folder or hub id, revision and processor."""
    INVALID_DATASET = "invalid_dataset"
    """Rows cannot be trained on. The details name them by line, message and image."""
    TOO_FEW_EXAMPLES = "too_few_examples"
    """OpenAI's API trains on ten examples at least. Add some, or submit the job with POST /jobs."""
    OUT_OF_MEMORY = "out_of_memory"
    """The device's memory is too small. Lower batch_size, use LoRA or a quantised base model."""
    NON_FINITE_LOSS = "non_finite_loss"
    """The loss became NaN or infinite. Lower learning_rate, or look at the rows of that step."""
    UNTRAINED_PARAMETER = "untrained_parameter"
    """A parameter that should be trained gets no gradient. The message names it: freeze its part or leave it out."""
    ARTIFACT_BROKEN = "artifact_broken"
    """The saved model does not compute what the trained one did, so it was not published. Please report it."""
    RESOURCES_UNAVAILABLE = "resources_unavailable"
    """The spec asks for a GPU that the worker does not have. Lower resources.gpus, or start a worker that has one."""
    STORAGE_FULL = "storage_full"
    """The storage has no room for a checkpoint. Free room and submit the job again."""
    TOO_MANY_PROCESSES = "too_many_processes"
    """The run started more processes than the operator allows. Lower resources.num_loader_workers or cpu_processes."""
    MAX_RUNTIME_EXCEEDED = "max_runtime_exceeded"
    """The job ran longer than resources.max_runtime_seconds. Raise the limit or train for less."""
    INFRA_EXHAUSTED = "infra_exhausted"
    """The trainer died again and again without a word of its own. Read the job's logs."""
    INTERNAL_ERROR = "internal_error"
    """A defect of the trainer. The logs hold the traceback; please report it."""


class TrainerError(Exception):
    """A run that cannot go on."""

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.faults: tuple[DatasetFault, ...] = ()

    @property
    def first_faults(self) -> tuple[DatasetFault, ...]:
        """Those that are told; none unless rows are what is wrong."""
        return self.faults[:MAX_FAULTS]


class InvalidDataset(TrainerError):
    """Rows that cannot be trained on."""

    def __init__(self, faults: Sequence[DatasetFault]) -> None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(FailureCode.INVALID_DATASET, f"{faults[0]}{more}")
        self.faults = tuple(faults)
