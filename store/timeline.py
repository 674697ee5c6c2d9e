"""Where a job has been, and when: waiting, in a phase of one of its attempts, or paused. Read from its events."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.lifecycle import ENDED, JobStatus
from store.tables import Attempt, Event
from trainer_core.contract.events import Phase

MOST_SPANS = 1000
"""That are told; of more, those too short to be seen are counted to the one before."""
_BEGINS = {
    "job_submitted": JobStatus.VALIDATING,
    "job_validating": JobStatus.VALIDATING,
    "job_queued": JobStatus.QUEUED,
    "job_paused": JobStatus.PAUSED,
    "attempt_started": Phase.STARTING,
}
_ENDS = frozenset(f"job_{status}" for status in ENDED)
_PHASE, _RUN = "phase_entered", "run_started"


@dataclass(frozen=True)
class Stay:
    """A time that a job spent in one place."""

    attempt: int
    where: str
    """`validating`, `queued` or `paused`, or a phase of an attempt."""
    began_at: datetime
    ended_at: datetime | None
    """None if it is still there."""


@dataclass(frozen=True)
class Execution:
    """An attempt, and the step that it went on from."""

    number: int
    worker: str
    slots: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    first_step: int | None
    """0, or the step of the checkpoint that it resumed from; None before its model is loaded."""


def stays(session: Session, job_id: str) -> Sequence[Stay]:
    """Where the job has been, oldest first, without gaps until it ended."""
    statement = (
        select(Event.type, Event.attempt, Event.created_at, Event.data["phase"].as_string())
        .where(Event.job_id == job_id, Event.type.in_([*_BEGINS, *_ENDS, _PHASE]))
        .order_by(Event.id)
    )
    marks = [(_where(type_, phase), attempt, at) for type_, attempt, at, phase in session.execute(statement)]
    return _brief([*_between(marks)])


def executions(session: Session, job_id: str) -> Sequence[Execution]:
    """The attempts of a job, oldest first."""
    run_started = select(Event.attempt, Event.data).where(Event.job_id == job_id, Event.type == _RUN)
    first_steps: dict[int, int] = {attempt: data["first_step"] for attempt, data in session.execute(run_started)}
    attempts = session.scalars(select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.number))
    return [
        Execution(
            one.number, one.worker, one.slots, one.started_at, one.ended_at, one.outcome, first_steps.get(one.number)
        )
        for one in attempts
    ]


def _where(type_: str, phase: str | None) -> str | None:
    """Where the job is after an event; None once it has ended."""
    return phase if type_ == _PHASE else _BEGINS.get(type_)


def _between(marks: Sequence[tuple[str | None, int, datetime]]) -> Iterator[Stay]:
    behind: Any = (None, 0, None)
    for (where, attempt, began_at), (_, _, ended_at) in pairwise([*marks, behind]):
        if where is not None:
            yield Stay(attempt, where, began_at, ended_at)


def _brief(found: list[Stay]) -> Sequence[Stay]:
    """The same, in which what is repeated is one stay, and what is too short to be seen is of the one before."""
    shortest = (found[-1].began_at - found[0].began_at) / MOST_SPANS if len(found) > MOST_SPANS else None
    kept: list[Stay] = []
    for stay in found:
        is_short = shortest is not None and stay.ended_at is not None and stay.ended_at - stay.began_at < shortest
        if kept and kept[-1].attempt == stay.attempt and (is_short or kept[-1].where == stay.where):
            kept[-1] = replace(kept[-1], ended_at=stay.ended_at)
        else:
            kept.append(stay)
    return kept
