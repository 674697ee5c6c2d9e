"""Events of jobs as OpenAI's clients read them, and each step as one; what they do not know stands in fields behind.

Times are seconds since 1970.
"""

from typing import Literal

from api.openai.fine_tuning_views import StepMetrics, validation_of
from api.openai.paging import Listed, Page
from api.openai.times import seconds
from store import history
from store.events import EVALUATION
from store.history import Entry
from store.leases import AttemptOutcome
from store.tables import Event, Job, Metric

_LEVELS = {
    "job_failed": "error",
    "run_failed": "error",
    "warning": "warn",
    AttemptOutcome.LOST: "warn",
    "step_skipped": "warn",
    "tracking_failed": "warn",
    "tracking_given_up": "warn",
}
"""By the type of an event, else by how an attempt ended with it."""
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


class EventMetrics(StepMetrics):
    """The same, in an event."""

    total_steps: int | None


class _Event(Listed):
    object: Literal["fine_tuning.job.event"] = "fine_tuning.job.event"
    created_at: int
    level: Literal["info", "warn", "error"] = "info"
    message: str


class MetricsEvent(_Event):
    """A step of a job, or an evaluation."""

    type: Literal["metrics"] = "metrics"
    data: EventMetrics


class MessageEvent(_Event):
    """Something that happened to a job."""

    type: Literal["message"] = "message"
    data: None = None
    kind: str
    """What happened, in the service's own word."""


FineTuningEvent = MetricsEvent | MessageEvent


class FineTuningEventPage(Page[FineTuningEvent]):
    """Some of a job's events, in their order."""


def event_view(entry: Entry, job: Job) -> FineTuningEvent:
    """Something that happened to a job, or a step of it."""
    head = {"id": history.id_of(entry), "created_at": seconds(entry.created_at)}
    total = job.progress.total_steps if job.progress else None
    if isinstance(entry, Metric):
        message = f"Step {entry.step}/{total or '?'}: training loss={entry.value:.4f}"
        data = EventMetrics(step=entry.step, train_loss=entry.value, total_steps=total)
        return MetricsEvent(**head, message=message, data=data)
    if entry.type == EVALUATION:
        validation = validation_of(entry.data.get("loss"), entry.data.get("scores", {}).get("token_accuracy"))
        data = EventMetrics(step=entry.data["step"], **validation, total_steps=total)
        return MetricsEvent(**head, message=entry.message, data=data)
    level = _LEVELS.get(entry.type) or _LEVELS.get(entry.data.get("outcome", ""), "info")
    return MessageEvent(**head, level=level, message=_message(entry, job), kind=entry.type)


def _message(event: Event, job: Job) -> str:
    if event.type == "job_queued" and event.attempt == 0:
        return event.message.replace("Job checked and queued", _QUEUED)
    words = _MESSAGES.get(event.type)
    return words.format(job=job, data=event.data) if words else event.message
