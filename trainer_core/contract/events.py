"""What a run tells, as JSON lines on the trainer's stdout; past tense, one class a fact."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from trainer_core.contract.closed import Closed
from trainer_core.contract.dataset import DatasetFault
from trainer_core.contract.errors import FailureCode


class Phase(StrEnum):
    """Where a running job is."""

    STARTING = "starting"
    LOADING = "loading"
    TRAINING = "training"
    EVALUATING = "evaluating"
    SAVING = "saving"


class _Event(Closed):
    at: Annotated[datetime, Field(strict=False)] = Field(default_factory=lambda: datetime.now(UTC))


class PhaseEntered(_Event):
    """The run has come to its next phase."""

    type: Literal["phase_entered"] = "phase_entered"
    phase: Annotated[Phase, Field(strict=False)]


class RunStarted(_Event):
    """Model and data are loaded; the first step comes next."""

    type: Literal["run_started"] = "run_started"
    first_step: int
    """0, or the step of the checkpoint that the run resumed from."""
    total_steps: int
    num_train_rows: int
    num_eval_rows: int
    num_parameters: int
    num_trainable_parameters: int
    device: str
    precision: str


class StepCompleted(_Event):
    """One optimizer step."""

    type: Literal["step_completed"] = "step_completed"
    step: int
    """Steps completed, from 1."""
    total_steps: int
    epoch: float
    """Epochs completed, with the part of the running one."""
    loss: float | None
    """Mean over the step's supervised tokens; None if it was not finite."""
    learning_rate: float
    grad_norm: float | None
    """2-norm of all gradients before clipping; None if it was not finite."""
    num_supervised_tokens: int
    step_seconds: float
    """Wall time since the step before, data and evaluation included."""
    elapsed_seconds: float
    """Wall time since the run's first batch."""


class EvaluationCompleted(_Event):
    """The loss on the held-out rows was measured."""

    type: Literal["evaluation_completed"] = "evaluation_completed"
    step: int
    epoch: float
    loss: float | None
    """Mean over all supervised tokens of the held-out rows; None if it was not finite."""
    num_rows: int
    seconds: float


class CheckpointSaved(_Event):
    """A checkpoint is complete on disk, its manifest written last."""

    type: Literal["checkpoint_saved"] = "checkpoint_saved"
    step: int
    epoch: float
    path: str
    """The checkpoint's folder, relative to the run folder."""
    num_bytes: int
    manifest_sha256: str
    metrics: dict[str, float]
    """The newest finite metrics, by name."""


class CheckpointDeleted(_Event):
    """A checkpoint went because newer ones are kept."""

    type: Literal["checkpoint_deleted"] = "checkpoint_deleted"
    step: int
    path: str


class RunSucceeded(_Event):
    """The artifact is complete on disk."""

    type: Literal["run_succeeded"] = "run_succeeded"
    step: int
    path: str
    """The artifact's folder, relative to the run folder."""
    training_seconds: float
    """Wall time from the first batch to the last step."""


class RunStopped(_Event):
    """The run ended early because it was asked to."""

    type: Literal["run_stopped"] = "run_stopped"
    step: int


class RunFailed(_Event):
    """The run cannot go on."""

    type: Literal["run_failed"] = "run_failed"
    code: Annotated[FailureCode, Field(strict=False)]
    message: str
    faults: Annotated[tuple[DatasetFault, ...], Field(strict=False)] = ()
    """The first faults of the dataset, where the code is invalid_dataset."""


RunEvent = Annotated[
    PhaseEntered
    | RunStarted
    | StepCompleted
    | EvaluationCompleted
    | CheckpointSaved
    | CheckpointDeleted
    | RunSucceeded
    | RunStopped
    | RunFailed,
    Field(discriminator="type"),
]
RUN_EVENT: TypeAdapter[RunEvent] = TypeAdapter(RunEvent)
"""Reads one event: `RUN_EVENT.validate_json(line)`."""
