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
    """Mean over the step's supervised tokens, or over its pairs; None if it was not finite."""
    metrics: dict[str, float] = Field(default_factory=dict)
    """Other means over the step, by name, as far as they are finite: what pairs are worth to the model."""
    learning_rate: float
    grad_norm: float | None
    """2-norm of all gradients before clipping; None if it was not finite."""
    num_supervised_tokens: int
    num_rows: int | None = None
    """Rows, or pairs, that the step was made of, over all processes."""
    peak_bytes: int | None = None
    """Most memory that tensors have taken on the first device so far; on the CPU, that the process has."""
    feature_hits: float | None = None
    """Images so far whose kept features were read, as a part of all; None where none are kept."""
    step_seconds: float
    """Wall time since the step before, data and evaluation included."""
    elapsed_seconds: float
    """Wall time since the run's first batch."""


class StepSkipped(_Event):
    """A step's loss or gradient was not finite, so the weights were left as they were."""

    type: Literal["step_skipped"] = "step_skipped"
    step: int
    what: Literal["loss", "gradient"]
    lines: Annotated[tuple[int, ...], Field(strict=False)]
    """Lines of the dataset that the step was made of."""


class MemoryReduced(_Event):
    """The device ran out of memory, and the run goes on with less; the optimizer's steps stay what they are."""

    type: Literal["memory_reduced"] = "memory_reduced"
    step: int
    batch_size: int
    """Rows in one forward pass from now on."""
    gradient_checkpointing: bool


class ParametersUnused(_Event):
    """Layers of the tower or the projector that no forward pass uses; they are left as they are."""

    type: Literal["parameters_unused"] = "parameters_unused"
    names: Annotated[tuple[str, ...], Field(strict=False)]
    """The first of them."""
    num_parameters: int


class PackingTested(_Event):
    """It was tried whether rows packed into one sequence have the logits that they have by themselves."""

    type: Literal["packing_tested"] = "packing_tested"
    is_exact: bool
    """True: rows are packed; False: they are padded."""
    difference: float | None
    """Greatest difference of a logit, as a part of the largest one; None if the model takes no packed rows at all."""


FeaturesVerdict = Literal[
    "used",
    "switched_off",
    "no_images",
    "trained",
    "sharded",
    "random",
    "not_exact",
    "too_cheap",
    "too_large",
    "seen_once",
]


class FeaturesTried(_Event):
    """It was found out whether what the model makes of an image may be kept, and is worth it."""

    type: Literal["features_tried"] = "features_tried"
    verdict: FeaturesVerdict
    """used, or why not: the model does not give the logits that pixels give, it is made as fast as
    it is read, it takes more room than there is, or each image comes once and nobody else could read it."""
    difference: float | None = None
    """Greatest difference of a logit, as a part of the largest one."""
    num_images: int = 0
    """Different ones; rows of several images count as one where these cannot be taken apart."""
    num_kept: int = 0
    """Those that were there already."""
    num_bytes: int = 0
    """That all of them take, as far as those that were tried tell."""


class FeaturesUsed(_Event):
    """What it was good for to keep them."""

    type: Literal["features_used"] = "features_used"
    num_read: int
    num_computed: int
    num_bytes: int
    """Of the features used, each image once."""
    seconds_saved: float
    """That computing would have taken where features were read, as far as this run has computed any."""


class TowerLeft(_Event):
    """Every image's features are kept, so that the weights that make them left the device's memory."""

    type: Literal["tower_left"] = "tower_left"
    num_bytes: int


class Prediction(Closed):
    """What the model answered to a held-out row."""

    line: int
    question: str
    target: str
    output: str
    scores: dict[str, float]
    thumbnails: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """The row's images, small, as data URLs."""


class EvaluationCompleted(_Event):
    """The loss on the held-out rows was measured, and answers scored if asked for."""

    type: Literal["evaluation_completed"] = "evaluation_completed"
    step: int
    epoch: float
    loss: float | None
    """Mean over all supervised tokens of the held-out rows, or over pairs; None if it was not finite."""
    num_rows: int
    seconds: float
    scores: dict[str, float] = Field(default_factory=dict)
    """By metric: `token_accuracy`, means over the generated answers, or means over pairs."""
    num_generated: int = 0
    predictions: Annotated[tuple[Prediction, ...], Field(strict=False)] = ()
    is_best: bool = False
    """True if none before it was better by the spec's metric."""


class StoppedEarly(_Event):
    """Evaluations brought nothing better any more."""

    type: Literal["stopped_early"] = "stopped_early"
    step: int
    best_step: int
    metric: str
    best_value: float


class FinishedEarly(_Event):
    """The run was asked to let this step be its last one."""

    type: Literal["finished_early"] = "finished_early"
    step: int
    total_steps: int
    """Those that it would have had."""


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


class CheckpointFailed(_Event):
    """The storage had no room for a checkpoint; those before it are still there, and the run goes on."""

    type: Literal["checkpoint_failed"] = "checkpoint_failed"
    step: int
    message: str


class CheckpointDeleted(_Event):
    """A checkpoint went because newer ones are kept."""

    type: Literal["checkpoint_deleted"] = "checkpoint_deleted"
    step: int
    path: str


class StorageTroubled(_Event):
    """What was saved could not be published, and is tried again; told once, by the runner."""

    type: Literal["storage_full", "storage_unavailable"]
    message: str


class Truncated(_Event):
    """The run says more than is kept of one attempt; told once of each kind, by the runner."""

    type: Literal["truncated"] = "truncated"
    what: Literal["log", "steps", "events"]
    """Lines of the log, steps with their metrics, or events of other kinds."""
    most: int
    """So many were kept."""


class ArtifactVerified(_Event):
    """The artifact was read back in a fresh process and scores rows as the trained model does."""

    type: Literal["artifact_verified"] = "artifact_verified"
    difference: float
    """Mean absolute difference of the targets' log-probabilities."""
    merged_difference: float | None = None
    """The same between the merged model and the adapter beside the unquantised base."""


class RunSucceeded(_Event):
    """The artifact is complete on disk."""

    type: Literal["run_succeeded"] = "run_succeeded"
    step: int
    path: str
    """The artifact's folder, relative to the run folder."""
    training_seconds: float
    """Wall time from the first batch to the last step."""
    best_step: int | None = None
    """Step of the checkpoint that the artifact was made of; None where it is the last step's state."""


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
    | StepSkipped
    | MemoryReduced
    | ParametersUnused
    | PackingTested
    | FeaturesTried
    | FeaturesUsed
    | TowerLeft
    | EvaluationCompleted
    | StoppedEarly
    | FinishedEarly
    | CheckpointSaved
    | CheckpointFailed
    | CheckpointDeleted
    | StorageTroubled
    | Truncated
    | ArtifactVerified
    | RunSucceeded
    | RunStopped
    | RunFailed,
    Field(discriminator="type"),
]
RUN_EVENT: TypeAdapter[RunEvent] = TypeAdapter(RunEvent)
"""Reads one event: `RUN_EVENT.validate_json(line)`."""
