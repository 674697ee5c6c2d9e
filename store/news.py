"""What trackers are told of a job, from where they were told last: points, sample answers, and how the job stands.

A step that an attempt repeats, since it went on from a checkpoint before it, is told once: what resumes computes the
same. It stands beside `store.stream`, whose order of rows it relies on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store import jobs, spans
from store.events import EVALUATION
from store.lifecycle import ENDED
from store.tables import Event, Job, Metric
from trainer_core.contract.events import Prediction

_MAX_POINTS = 5000
_MAX_EVENTS = 50
"""Evaluations, which are large."""
_EVALUATED = "eval_loss"
"""Its steps are those of evaluations."""


@dataclass(frozen=True)
class TimedPoint:
    """One number at one step."""

    name: str
    step: int
    value: float
    at: datetime


@dataclass(frozen=True)
class Samples:
    """Answers to held-out rows."""

    step: int
    at: datetime
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class News:
    """What a job has told since a place."""

    job: Job
    """As it was before its rows were read: once it has ended, none are missing."""
    points: tuple[TimedPoint, ...]
    samples: tuple[Samples, ...]
    event_id: int
    metric_id: int
    """Up to where it is told."""
    is_whole: bool
    """False if there is more already."""

    @property
    def is_last(self) -> bool:
        """True if nothing more comes, unless somebody retries the job."""
        return self.is_whole and self.job.status in ENDED


Reached = Mapping[tuple[str, int], int]
"""By metric and attempt, the last step that the attempts before it have told."""


def since(session: Session, job_id: str, *, event_id: int, metric_id: int) -> News:
    """The next news of a job.

    Raises:
        JobNotFound: It has been deleted.
    """
    job = jobs.get(session, job_id)
    last_event = session.scalar(select(func.max(Event.id)).where(Event.job_id == job_id)) or event_id
    rows = _metrics(session, job_id, metric_id)
    events = _evaluations(session, job_id, event_id, last_event)
    has_all_events = len(events) < _MAX_EVENTS
    attempts = {row.attempt for row in rows} | {event.attempt for event in events}
    reached = _reached(session, job_id) if max(attempts, default=1) > 1 else {}
    return News(
        job=job,
        points=tuple(
            TimedPoint(row.name, row.step, row.value, row.created_at)
            for row in rows
            if row.step > reached.get((row.name, row.attempt), -1)
        ),
        samples=tuple(_samples(events, reached)),
        event_id=last_event if has_all_events else events[-1].id,
        metric_id=max((row.id for row in rows), default=metric_id),
        is_whole=len(rows) < _MAX_POINTS and has_all_events,
    )


def _metrics(session: Session, job_id: str, metric_id: int) -> Sequence[Metric]:
    statement = select(Metric).where(Metric.job_id == job_id, Metric.id > metric_id).order_by(Metric.id)
    return session.scalars(statement.limit(_MAX_POINTS)).all()


def _evaluations(session: Session, job_id: str, since: int, until: int) -> Sequence[Event]:
    heard = (Event.job_id == job_id, Event.id > since, Event.id <= until, Event.type == EVALUATION)
    return session.scalars(select(Event).where(*heard).order_by(Event.id).limit(_MAX_EVENTS)).all()


def _reached(session: Session, job_id: str) -> Reached:
    reached: dict[tuple[str, int], int] = {}
    last: dict[str, int] = {}
    for row in spans.extents(session, job_id):  # by attempt
        reached[row.name, row.attempt] = last.get(row.name, -1)
        last[row.name] = max(last.get(row.name, -1), row.last)
    return reached


def _samples(events: Sequence[Event], reached: Reached) -> Iterator[Samples]:
    for event in events:
        step = event.data["step"]
        predictions = tuple(Prediction.model_validate(one) for one in event.data["predictions"])
        if predictions and step > reached.get((_EVALUATED, event.attempt), -1):
            yield Samples(step, event.created_at, predictions)
