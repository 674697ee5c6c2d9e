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
    statement = select(Metric).where(Metric.job_id == job_id).order_by(Metric.name, Metric.attempt, Metric.step)
    if name is not None:
        statement = statement.where(Metric.name == name)
    if from_step is not None:
        statement = statement.where(Metric.step >= from_step)
    if to_step is not None:
        statement = statement.where(Metric.step <= to_step)
    return _stitch(session.scalars(statement))


def _stitch(metrics: Iterable[Metric]) -> list[Series]:
    series: dict[str, Series] = {}
    attempts: dict[str, int] = {}
    for metric in metrics:
        one = series.setdefault(metric.name, Series(metric.name))
        if attempts.get(metric.name) != metric.attempt:
            attempts[metric.name] = metric.attempt
            one.cut(metric.step)
        one.steps.append(metric.step)
        one.values.append(metric.value)
    return list(series.values())
