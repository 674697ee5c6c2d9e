"""Jobs, events and checkpoints as OpenAI's clients read them; what they do not know stands in fields behind.

Times are seconds since 1970.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from api.openai.fine_tuning_body import shown
from api.openai.times import seconds, seconds_or_none
from store import history
from store.history import Entry
from store.lifecycle import JobStatus
from store.tables import Checkpoint, Event, Job, Metric
from store.trained_models import ModelName
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import Dpo

_STATUSES = {JobStatus.VALIDATING: "validating_files"}
"""Those that OpenAI calls otherwise."""
_FAILURES = {
    FailureCode.INVALID_DATASET: "invalid_{}_file",
    FailureCode.TOO_FEW_EXAMPLES: "invalid_n_examples",
}
VALIDATION = "Validation file"
"""How the message of a failure begins that is the validation file's."""
_LEVELS = {"job_failed": "error", "run_failed": "error", "warning": "warn", "lost": "warn", "step_skipped": "warn"}
_MESSAGES = {
    "job_submitted": "Created fine-tuning job: {job.id}",
    "files_validating": "Validating training file: {job.spec.train_dataset}",
    "attempt_started": "Fine-tuning job started",
    "checkpoint_saved": "Checkpoint created at step {data[step]}",
    "run_succeeded": "New fine-tuned model created",
    "job_succeeded": "The job has successfully completed",
}
"""OpenAI's words, by the type of the event."""
_QUEUED = "Files validated, moving job to queued state"


@dataclass(frozen=True)
class Around:
    """What is told of a job beside its row."""

    queue_position: int | None
    estimated_start: datetime | None
    report: JobReport | None
    result_files: Sequence[str]
    output_files: Sequence[str]


def job_view(job: Job, around: Around) -> dict[str, Any]:
    """A job."""
    spec = job.spec
    kind = "dpo" if isinstance(spec.objective, Dpo) else "supervised"
    hyperparameters = shown(spec)
    return {
        "id": job.id,
        "object": "fine_tuning.job",
        "created_at": seconds(job.created_at),
        "finished_at": seconds_or_none(job.finished_at),
        "model": job.base_model,
        "fine_tuned_model": str(ModelName.of(job)) if job.status == JobStatus.SUCCEEDED else None,
        "organization_id": job.project_id,
        "status": _status(job),
        "hyperparameters": hyperparameters,
        "method": {"type": kind, kind: {"hyperparameters": hyperparameters}},
        "training_file": spec.train_dataset,
        "validation_file": spec.eval_dataset if isinstance(spec.eval_dataset, str) else None,
        "result_files": list(around.result_files),
        "trained_tokens": _trained_tokens(job, around.report),
        "error": _error(job),
        "seed": spec.seed,
        "estimated_finish": _estimated_finish(job),
        "integrations": [],
        "metadata": dict(spec.metadata),
        "phase": job.phase,
        "queue_position": around.queue_position,
        "estimated_start": seconds_or_none(around.estimated_start),
        "progress": _progress(job),
        "output_files": list(around.output_files),
        "warnings": list(around.report.warnings) if around.report else [],
    }


def event_view(entry: Entry, job: Job) -> dict[str, Any]:
    """Something that happened to a job, or a step of it."""
    told = _step(entry, job) if isinstance(entry, Metric) else _event(entry, job)
    return {
        "id": history.id_of(entry),
        "object": "fine_tuning.job.event",
        "created_at": seconds(entry.created_at),
        **told,
    }


def checkpoint_view(checkpoint: Checkpoint, job: Job) -> dict[str, Any]:
    """A state of a job that can be tried and trained on."""
    found = checkpoint.metrics
    return {
        "id": checkpoint_id(checkpoint),
        "object": "fine_tuning.job.checkpoint",
        "created_at": seconds(checkpoint.created_at),
        "fine_tuned_model_checkpoint": str(ModelName.of(job, checkpoint.step)),
        "fine_tuning_job_id": job.id,
        "step_number": checkpoint.step,
        "metrics": _metrics(
            checkpoint.step, found.get("loss"), found.get("eval_loss"), found.get("eval_token_accuracy")
        ),
        "bytes": checkpoint.num_bytes,
    }


def checkpoint_id(checkpoint: Checkpoint) -> str:
    """What a checkpoint is called."""
    return f"ftckpt_{checkpoint.job_id.removeprefix('ftjob-')}-{checkpoint.attempt}-{checkpoint.step}"


def _status(job: Job) -> str:
    if job.status == JobStatus.RUNNING and job.pause_requested_at is not None:
        return "pausing"
    return _STATUSES.get(job.status, str(job.status))


def _trained_tokens(job: Job, report: JobReport | None) -> int | None:
    if job.status != JobStatus.SUCCEEDED or job.progress is None or report is None or report.train is None:
        return None
    return round(report.train.tokens.total * job.progress.epoch)


def _error(job: Job) -> dict[str, Any] | None:
    if job.failure_code is None:
        return None
    code, message = FailureCode(job.failure_code), job.failure_message or ""
    which = "validation" if message.startswith(VALIDATION) else "training"
    name = _FAILURES.get(code, str(code)).format(which)
    return {"code": name, "message": message, "param": f"{which}_file" if code in _FAILURES else None}


def _estimated_finish(job: Job) -> int | None:
    if job.status != JobStatus.RUNNING or job.progress is None:
        return None
    return seconds(datetime.now(UTC) + timedelta(seconds=job.progress.remaining_seconds))


def _progress(job: Job) -> dict[str, Any] | None:
    if job.progress is None:
        return None
    step, total = job.progress.step, job.progress.total_steps
    percent = round(100 * step / total, 1) if total else 0.0
    return {"step": step, "total_steps": total, "percent": percent, "epoch": job.progress.epoch}


def _step(point: Metric, job: Job) -> dict[str, Any]:
    total = job.progress.total_steps if job.progress else None
    message = f"Step {point.step}/{total or '?'}: training loss={point.value:.4f}"
    data = {**_metrics(point.step, point.value), "total_steps": total}
    return {"level": "info", "message": message, "type": "metrics", "data": data}


def _event(event: Event, job: Job) -> dict[str, Any]:
    if event.type == "evaluation_completed":
        total = job.progress.total_steps if job.progress else None
        accuracy = event.data.get("scores", {}).get("token_accuracy")
        data = {**_metrics(event.data["step"], None, event.data.get("loss"), accuracy), "total_steps": total}
        return {"level": "info", "message": event.message, "type": "metrics", "data": data}
    words = _MESSAGES.get(event.type)
    message = words.format(job=job, data=event.data) if words else event.message
    if event.type == "job_queued" and event.attempt == 0:
        message = event.message.replace("Job checked and queued", _QUEUED)
    level = _LEVELS.get(event.type, "info")
    return {"level": level, "message": message, "type": "message", "data": None, "kind": event.type}


def _metrics(
    step: int, loss: float | None, eval_loss: float | None = None, eval_accuracy: float | None = None
) -> dict[str, Any]:
    return {
        "step": step,
        "train_loss": loss,
        "train_mean_token_accuracy": None,
        "valid_loss": eval_loss,
        "valid_mean_token_accuracy": eval_accuracy,
        "full_valid_loss": eval_loss,
        "full_valid_mean_token_accuracy": eval_accuracy,
    }
