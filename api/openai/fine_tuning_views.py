"""Jobs and checkpoints as OpenAI's clients read them; what they do not know stands in fields behind.

Times are seconds since 1970.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Self

from api.openai.fine_tuning_body import shown
from api.openai.paging import Listed
from api.openai.times import seconds, seconds_or_none
from api.views import View
from store.lifecycle import JobStatus
from store.tables import Checkpoint, Job
from store.trained_models import ModelName
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.integrations import Wandb
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import Dpo

_STATUSES = {JobStatus.VALIDATING: "validating_files"}
"""Those that OpenAI calls otherwise."""
FAILURES = {
    FailureCode.INVALID_DATASET: "invalid_{}_file",
    FailureCode.TOO_FEW_EXAMPLES: "invalid_n_examples",
}
VALIDATION = "Validation file"
"""How the message of a failure begins that is the validation file's."""


@dataclass(frozen=True)
class Around:
    """What is told of a job beside its row."""

    queue_position: int | None
    estimated_start: datetime | None
    report: JobReport | None
    result_files: Sequence[str]
    output_files: Sequence[str]


Hyperparameters = dict[str, int | float]
"""OpenAI's, and behind them what it does not have."""


class MethodSettings(View):
    """What is set of a method."""

    hyperparameters: Hyperparameters


class SupervisedMethod(View):
    """The model learns the answers."""

    type: Literal["supervised"] = "supervised"
    supervised: MethodSettings


class DpoMethod(View):
    """The model learns to prefer."""

    type: Literal["dpo"] = "dpo"
    dpo: MethodSettings


class JobFault(View):
    """Why a job failed."""

    code: str
    message: str
    param: str | None


class Percent(View):
    """How far a job is."""

    step: int
    total_steps: int
    percent: float
    epoch: float


class WandbRun(View):
    """How the run is called at Weights & Biases."""

    project: str
    name: str | None
    entity: str | None
    tags: list[str]


class WandbIntegration(View):
    """Where else metrics go."""

    type: Literal["wandb"] = "wandb"
    wandb: WandbRun


class FineTuningJob(Listed):
    """A job."""

    object: Literal["fine_tuning.job"] = "fine_tuning.job"
    created_at: int
    finished_at: int | None
    model: str
    fine_tuned_model: str | None
    organization_id: str
    """The project."""
    status: Literal["validating_files", "queued", "running", "pausing", "paused", "succeeded", "failed", "cancelled"]
    hyperparameters: Hyperparameters
    method: SupervisedMethod | DpoMethod
    training_file: str
    validation_file: str | None
    result_files: list[str]
    trained_tokens: int | None
    error: JobFault | None
    seed: int
    estimated_finish: int | None
    integrations: list[WandbIntegration]
    metadata: dict[str, str]
    phase: str | None
    """Where a running job is."""
    queue_position: int | None
    """1 starts next; 200 stands for itself and all behind it; null if it does not wait."""
    estimated_start: int | None
    progress: Percent | None
    output_files: list[str]
    """What it has left: the model's files."""
    warnings: list[str]
    """Of the check of its files."""

    @classmethod
    def of(cls, job: Job, around: Around) -> Self:
        """The view of a job's row."""
        spec, hyperparameters = job.spec, shown(job.spec)
        settings = MethodSettings(hyperparameters=hyperparameters)
        is_dpo = isinstance(spec.objective, Dpo)
        return cls(
            id=job.id,
            created_at=seconds(job.created_at),
            finished_at=seconds_or_none(job.finished_at),
            model=job.base_model,
            fine_tuned_model=str(ModelName.of(job)) if job.status == JobStatus.SUCCEEDED else None,
            organization_id=job.project_id,
            status=_status(job),
            hyperparameters=hyperparameters,
            method=DpoMethod(dpo=settings) if is_dpo else SupervisedMethod(supervised=settings),
            training_file=spec.train_dataset,
            validation_file=spec.eval_dataset if isinstance(spec.eval_dataset, str) else None,
            result_files=list(around.result_files),
            trained_tokens=_trained_tokens(job, around.report),
            error=_error(job),
            seed=spec.seed,
            estimated_finish=_estimated_finish(job),
            integrations=[
                WandbIntegration(wandb=WandbRun(**one.model_dump(exclude={"type", "tags"}), tags=list(one.tags)))
                for one in spec.integrations
                if isinstance(one, Wandb)
            ],
            metadata=dict(spec.metadata),
            phase=job.phase,
            queue_position=around.queue_position,
            estimated_start=seconds_or_none(around.estimated_start),
            progress=_percent(job),
            output_files=list(around.output_files),
            warnings=list(around.report.warnings) if around.report else [],
        )


class StepMetrics(View):
    """What is known of a step; null is what was not measured there."""

    step: int
    train_loss: float | None = None
    train_mean_token_accuracy: float | None = None
    valid_loss: float | None = None
    valid_mean_token_accuracy: float | None = None
    full_valid_loss: float | None = None
    full_valid_mean_token_accuracy: float | None = None


class FineTuningCheckpoint(Listed):
    """A state of a job that can be tried and trained on."""

    object: Literal["fine_tuning.job.checkpoint"] = "fine_tuning.job.checkpoint"
    created_at: int
    fine_tuned_model_checkpoint: str
    fine_tuning_job_id: str
    step_number: int
    metrics: StepMetrics
    bytes: int

    @classmethod
    def of(cls, checkpoint: Checkpoint, job: Job) -> Self:
        """The view of a checkpoint's row."""
        found = checkpoint.metrics
        validation = validation_of(found.get("eval_loss"), found.get("eval_token_accuracy"))
        return cls(
            id=checkpoint_id(checkpoint),
            created_at=seconds(checkpoint.created_at),
            fine_tuned_model_checkpoint=str(ModelName.of(job, checkpoint.step)),
            fine_tuning_job_id=job.id,
            step_number=checkpoint.step,
            metrics=StepMetrics(step=checkpoint.step, train_loss=found.get("loss"), **validation),
            bytes=checkpoint.num_bytes,
        )


def checkpoint_id(checkpoint: Checkpoint) -> str:
    """What a checkpoint is called."""
    return f"ftckpt_{checkpoint.job_id.removeprefix('ftjob-')}-{checkpoint.attempt}-{checkpoint.step}"


def validation_of(loss: float | None, accuracy: float | None) -> dict[str, float | None]:
    """Of the whole validation file: this service never looks at a part of it."""
    return {
        "valid_loss": loss,
        "valid_mean_token_accuracy": accuracy,
        "full_valid_loss": loss,
        "full_valid_mean_token_accuracy": accuracy,
    }


def _status(job: Job) -> str:
    if job.status == JobStatus.RUNNING and job.pause_requested_at is not None:
        return "pausing"
    return _STATUSES.get(job.status, str(job.status))


def _trained_tokens(job: Job, report: JobReport | None) -> int | None:
    if job.status != JobStatus.SUCCEEDED or job.progress is None or report is None or report.train is None:
        return None
    return round(report.train.tokens.total * job.progress.epoch)


def _error(job: Job) -> JobFault | None:
    if job.failure_code is None:
        return None
    code, message = FailureCode(job.failure_code), job.failure_message or ""
    which = "validation" if message.startswith(VALIDATION) else "training"
    name = FAILURES.get(code, str(code)).format(which)
    return JobFault(code=name, message=message, param=f"{which}_file" if code in FAILURES else None)


def _estimated_finish(job: Job) -> int | None:
    if job.status != JobStatus.RUNNING or job.progress is None:
        return None
    return seconds(datetime.now(UTC) + timedelta(seconds=job.progress.remaining_seconds))


def _percent(job: Job) -> Percent | None:
    if job.progress is None:
        return None
    step, total = job.progress.step, job.progress.total_steps
    percent = round(100 * step / total, 1) if total else 0.0
    return Percent(step=step, total_steps=total, percent=percent, epoch=job.progress.epoch)
