"""What the API answers about how a job went: its times, its curves beside others', and what its model said."""

from datetime import datetime
from typing import Self

from pydantic import Field

from api.views import SeriesRead, View
from store.tables import Event
from trainer_core.contract.events import Prediction


class StayRead(View):
    """A time that a job spent in one place."""

    attempt: int
    """0 before the first one."""
    where: str
    """`validating`, `queued` or `paused`, or a phase of an attempt."""
    began_at: datetime
    ended_at: datetime | None
    """Null if it is still there."""


class AttemptRead(View):
    """One execution of a job by a worker."""

    number: int
    worker: str
    slots: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    first_step: int | None
    """0, or the step of the checkpoint that it resumed from; null before its model is loaded."""


class TimelineRead(View):
    """Where a job has been, and by which attempts; both oldest first."""

    data: list[StayRead]
    attempts: list[AttemptRead]


class SeriesOfJob(SeriesRead):
    """One metric of one of several jobs."""

    job_id: str


class Comparison(View):
    """Metrics of several jobs, job by job as they were asked for, then by name."""

    data: list[SeriesOfJob]


class PredictionRead(View):
    """What the model answered to a held-out row."""

    line: int
    question: str
    target: str
    output: str
    scores: dict[str, float]
    images: list[str]
    """Where the row's images are, small: paths of this service. They are the same at each evaluation."""

    @classmethod
    def of(cls, told: Prediction, job_id: str) -> Self:
        """The view of a prediction of a job."""
        place = f"/jobs/{job_id}/samples/{told.line}/images"
        return cls(
            **told.model_dump(exclude={"thumbnails"}),
            images=[f"{place}/{number}" for number in range(len(told.thumbnails))],
        )


class EvaluationRead(View):
    """What the model answered to held-out rows at an evaluation."""

    event_id: int
    attempt: int
    step: int
    created_at: datetime
    loss: float | None
    scores: dict[str, float] = Field(default_factory=dict)
    """Over all rows that were asked."""
    predictions: list[PredictionRead]

    @classmethod
    def of(cls, event: Event) -> Self:
        """The view of an event that told an evaluation."""
        return cls(
            event_id=event.id,
            attempt=event.attempt,
            step=event.data["step"],
            created_at=event.created_at,
            loss=event.data["loss"],
            scores=event.data["scores"],
            predictions=[
                PredictionRead.of(Prediction.model_validate(one), event.job_id) for one in event.data["predictions"]
            ],
        )


class SamplePage(View):
    """Evaluations that told answers, oldest first."""

    data: list[EvaluationRead]
    has_more: bool
    last_id: int
    """Give it as `after` to read on."""
