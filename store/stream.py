"""All that a job tells, in the order in which it was written, so that a reader can go on behind what it has read.

Rows of one job are numbered in the order of their commits. Numbers are given out before a commit, so two writers of one
job that overlapped could commit a larger number first, and a reader that had seen it would miss the smaller one. They
never overlap: whoever writes an event, a point or a line of a job has locked the job's row before in the same
transaction, and holds it until the commit.

- `jobs.submit` inserts the job itself; `jobs.leave_validating` and whatever people ask of a job (`jobs.request_…`,
  `resume`, `retry`) add an event only if their UPDATE of the job came through; `leases.claim` updates it, and every
  release goes through `leases.write`.
- `trackings` and `retention` lock it before they tell an event of their own.
- `api.openai.fine_tuning` tells one of a job that it has just inserted.
- `worker.recorder` renews the lease, an UPDATE of the job, before it writes anything that the trainer said.

A new writer must do the same.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, lazyload, load_only

from store import events, waiting
from store.lifecycle import ENDED, JobStatus
from store.tables import Event, Job, LogLine, Metric

PLACE = re.compile(r"e(\d{1,18})-s(\d{1,18})-m(\d{1,18})-l(\d{1,18})", re.ASCII)
"""How a place is written."""


class Kind(StrEnum):
    """What is told."""

    EVENT = "event"
    SAMPLE = "sample"
    """Answers to held-out rows, as an evaluation told them; they stand in its event too."""
    METRIC = "metric"
    LOG = "log"


class Place(NamedTuple):
    """A place in all that a job tells: the number of the last row of each kind."""

    event: int = 0
    sample: int = 0
    metric: int = 0
    log: int = 0

    def __str__(self) -> str:
        return f"e{self.event}-s{self.sample}-m{self.metric}-l{self.log}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it from `e12-s9-m340-l77`.

        Raises:
            ValueError: It is of another form.
        """
        found = PLACE.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no place in a stream")
        return cls(*map(int, found.groups()))

    def behind(self, kind: Kind, number: int) -> Self:
        """The place after the row `number` of a kind."""
        return self._replace(**{kind: number})

    def at_most(self, other: "Place") -> Self:
        """For each kind the earlier of two places."""
        return type(self)(*map(min, self, other))

    def is_reached_by(self, other: "Place") -> bool:
        """True if for no kind the other place is an earlier one."""
        return self.at_most(other) == self


@dataclass(frozen=True)
class Head:
    """How far a job has told, and whether it goes on."""

    place: Place
    status: JobStatus
    queue_position: int | None

    @property
    def has_ended(self) -> bool:
        """True if nothing more comes, unless somebody asks."""
        return self.status in ENDED


@dataclass(frozen=True)
class Told:
    """One row, and the place behind it."""

    kind: Kind
    row: Any
    """An Event, Metric or LogLine, as the kind says."""
    place: Place


_TABLES: dict[Kind, type[Event | Metric | LogLine]] = {
    Kind.EVENT: Event,
    Kind.SAMPLE: Event,
    Kind.METRIC: Metric,
    Kind.LOG: LogLine,
}


def heads(session: Session, job_ids: Collection[str]) -> dict[str, Head]:
    """How far each of these jobs has told: one look at the end of each index. Jobs that are not there are left out."""
    ends = [_end(_TABLES[kind]).label(kind) for kind in (Kind.EVENT, Kind.METRIC, Kind.LOG)]
    brief = (load_only(Job.id, Job.status), lazyload(Job.artifact))
    rows = session.execute(select(Job, *ends).where(Job.id.in_(job_ids)).options(*brief)).all()
    positions = waiting.positions(session, [row.Job for row in rows])
    return {
        row.Job.id: Head(
            place=Place(event=row.event, sample=row.event, metric=row.metric, log=row.log),
            status=JobStatus(row.Job.status),
            queue_position=positions.get(row.Job.id),
        )
        for row in rows
    }


def between(
    session: Session, job_id: str, since: Place, until: Place, *, kinds: Collection[Kind] = tuple(Kind), limit: int
) -> tuple[list[Told], Place]:
    """The next rows up to a place, at most `limit` of each kind, kind by kind; and the place that they lead to.

    Other kinds are passed over, so that calling again with the new place leads to `until` in the end.
    """
    told = []
    goal = Place(*map(max, since, until))
    place = goal._replace(**{kind: getattr(since, kind) for kind in kinds})
    for kind in kinds:
        rows = session.scalars(_rows(job_id, kind, getattr(since, kind), getattr(until, kind)).limit(limit)).all()
        for row in rows:
            place = place.behind(kind, row.id)
            told.append(Told(kind, row, place))
        if len(rows) < limit:
            place = place.behind(kind, getattr(goal, kind))
    return told, place


def _rows(job_id: str, kind: Kind, since: int, until: int) -> Select[Any]:
    table = _TABLES[kind]
    statement = select(table).where(table.job_id == job_id, table.id > since, table.id <= until).order_by(table.id)
    return statement.where(Event.type == events.EVALUATION) if kind is Kind.SAMPLE else statement


def _end(table: type[Event | Metric | LogLine]) -> ColumnElement[int]:
    last = select(func.max(table.id)).where(table.job_id == Job.id).correlate(Job).scalar_subquery()
    return func.coalesce(last, 0)
