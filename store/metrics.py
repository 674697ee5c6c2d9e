"""Numbers by step. A later attempt's steps replace those of the attempts before, from its first step on."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from store.clock import from_now
from store.leases import Lease
from store.tables import Metric


@dataclass(frozen=True)
class Series:
    """One metric over the steps of a job."""

    name: str
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def cut(self, step: int) -> None:
        """Forget everything from `step` on."""
        keep = bisect_left(self.steps, step)
        del self.steps[keep:], self.values[keep:]


@dataclass(frozen=True)
class Point:
    """One number at one step."""

    name: str
    step: int
    value: float


def record(session: Session, lease: Lease, points: Iterable[Point]) -> None:
    """Add points of an attempt."""
    rows: list[Mapping[str, Any]] = [{"name": point.name, "step": point.step, "value": point.value} for point in points]
    if rows:
        values = {"job_id": lease.job_id, "attempt": lease.attempt, "created_at": from_now()}
        session.execute(insert(Metric).values(**values), rows)


def read(
    session: Session, job_id: str, *, name: str | None, from_step: int | None, to_step: int | None
) -> list[Series]:
    """The series of a job, by name; both step bounds are inclusive."""
    # Columns, not objects: of a long job there are many thousands of points.
    columns = (Metric.name, Metric.attempt, Metric.step, Metric.value)
    statement = select(*columns).where(Metric.job_id == job_id).order_by(*columns[:3])
    if name is not None:
        statement = statement.where(Metric.name == name)
    if from_step is not None:
        statement = statement.where(Metric.step >= from_step)
    if to_step is not None:
        statement = statement.where(Metric.step <= to_step)
    return _stitch(session.execute(statement))


def _stitch(points: Iterable[tuple[str, int, int, float]]) -> list[Series]:
    series: dict[str, Series] = {}
    attempts: dict[str, int] = {}
    for name, attempt, step, value in points:
        one = series.setdefault(name, Series(name))
        if attempts.get(name) != attempt:
            attempts[name] = attempt
            one.cut(step)
        one.steps.append(step)
        one.values.append(value)
    return list(series.values())
