"""What the service answers about how a job went: its times, its curves beside others', and what its model said."""

from datetime import datetime
from typing import Any

from client.views import Series, View


class Stay(View):
    """A time that a job spent in one place."""

    attempt: int
    """0 before the first one."""
    where: str
    """`validating`, `queued` or `paused`, or a phase of an attempt."""
    began_at: datetime
    ended_at: datetime | None = None
    """None if it is still there."""


class Attempt(View):
    """One execution of a job by a worker."""

    number: int
    worker: str
    slots: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str | None = None
    first_step: int | None = None
    """0, or the step of the checkpoint that it resumed from; None before its model is loaded."""


class Timeline(View):
    """Where a job has been, and by which attempts; both oldest first."""

    data: tuple[Stay, ...]
    attempts: tuple[Attempt, ...]


class SeriesOfJob(Series):
    """One metric of one of several jobs."""

    job_id: str


class Prediction(View):
    """What the model answered to a held-out row."""

    line: int
    question: str
    target: str
    output: str
    scores: dict[str, float]
    images: tuple[str, ...] = ()
    """Where the row's images are, small: paths of the service."""


class Evaluation(View):
    """What the model answered to held-out rows at an evaluation."""

    event_id: int
    attempt: int
    step: int
    created_at: datetime
    loss: float | None = None
    scores: dict[str, float]
    """Over all rows that were asked."""
    predictions: tuple[Prediction, ...]


class Integration(View):
    """A tracker, or the hub, that is told of a job."""

    target: dict[str, Any]
    """As the job's spec has it; its `type` is its name."""
    status: str
    url: str | None = None
    """Where it is to be seen: a run, or the commit that was pushed."""
    error: str | None = None
    """Why the last try was not taken."""
    next_try_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def name(self) -> str:
        """`tensorboard`, `mlflow`, `wandb` or `hub`."""
        return str(self.target["type"])
