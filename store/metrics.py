"""Numbers by step. A later attempt's steps replace those of the attempts before, from its first step on."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from store import spans, times
from store.clock import from_now
from store.leases import Lease
from store.series import Dot, Point, Series, thin, thinning_width
from store.tables import Metric

Kept = Mapping[int, range]
"""For each attempt the steps that no later one has replaced."""


def record(session: Session, lease: Lease, points: Iterable[Point]) -> None:
    """Add points of an attempt, whose steps only grow."""
    added = list(points)
    rows: list[Mapping[str, Any]] = [{"name": point.name, "step": point.step, "value": point.value} for point in added]
    if rows:
        values = {"job_id": lease.job_id, "attempt": lease.attempt, "created_at": from_now()}
        session.execute(insert(Metric).values(**values), rows)
        spans.record(session, lease, added)


def read(
    session: Session,
    job_id: str,
    *,
    names: Collection[str] = (),
    from_step: int | None = None,
    to_step: int | None = None,
    max_points: int | None = None,
    with_times: bool = False,
) -> list[Series]:
    """The series of a job, by name; both step bounds are inclusive.

    Args:
        names: Of the metrics; none asks for all.
        max_points: What a longer series is thinned to, see `thin`; None leaves it whole.
        with_times: Whether it is told when each point was written.
    """
    found = []
    for metric, rows in groupby(spans.extents(session, job_id, names), key=attrgetter("name")):
        extents = list(rows)
        kept = _kept(extents, from_step, to_step)
        num_points, dots = _read(session, job_id, metric, kept, max_points, sum(row.num_points for row in extents))
        if dots:
            steps, values = (list(one) for one in zip(*dots, strict=True))
            at = times.of(session, job_id, metric, kept, steps) if with_times else None
            found.append(Series(metric, num_points, steps, values, at))
    return found


def _kept(extents: Sequence[Any], from_step: int | None, to_step: int | None) -> Kept:
    kept = {}
    end = float("inf") if to_step is None else to_step + 1
    for row in reversed(extents):
        if (first := max(row.first, from_step or 0)) < (behind := int(min(row.last + 1, end))):
            kept[row.attempt] = range(first, behind)
        end = min(end, row.first)
    return dict(reversed(kept.items()))


def _read(
    session: Session, job_id: str, name: str, kept: Kept, max_points: int | None, at_most: int
) -> tuple[int, Sequence[Dot]]:
    """How many points there are, and those that were wanted of them."""
    if max_points is not None and kept and at_most > max_points:
        first, last = _bounds(kept)
        width = thinning_width(first, last, max_points)
        if level := max((one for one in spans.WIDTHS if one <= width), default=None):
            num_points, dots = _from_spans(session, job_id, name, kept, level)
            if num_points > max_points:
                return num_points, thin(dots, -(-width // level) * level)
    whole = [dot for attempt, steps in kept.items() for dot in _whole(session, job_id, name, attempt, steps)]
    if max_points is not None and len(whole) > max_points:
        return len(whole), thin(whole, thinning_width(whole[0][0], whole[-1][0], max_points))
    return len(whole), whole


def _bounds(kept: Kept) -> tuple[int, int]:
    return min(steps[0] for steps in kept.values()), max(steps[-1] for steps in kept.values())


def _whole(session: Session, job_id: str, name: str, attempt: int, steps: range) -> list[Dot]:
    # Columns, not objects: of a long job there are many thousands of points.
    statement = (
        select(Metric.step, Metric.value)
        .where(Metric.job_id == job_id, Metric.name == name, Metric.attempt == attempt)
        .where(Metric.step >= steps.start, Metric.step < steps.stop)
        .order_by(Metric.step)
    )
    return [(step, value) for step, value in session.execute(statement)]


def _from_spans(session: Session, job_id: str, name: str, kept: Kept, width: int) -> tuple[int, list[Dot]]:
    """How many points there are, and those of each span that may be its extremes; of one that is cut, all that is left.

    The first and the last point are among them.
    """
    num_points = 0
    dots: list[Dot] = []
    ends: list[Dot] = []
    for attempt, number, first, last, least, greatest in spans.between(session, job_id, name, width, *_bounds(kept)):
        steps = kept.get(attempt, range(0))
        if first[0] in steps and last[0] in steps:
            num_points += number
            dots += (least, greatest)
            ends += (first, last)
        elif rest := range(max(first[0], steps.start), min(last[0] + 1, steps.stop)):
            cut = _whole(session, job_id, name, attempt, rest)
            num_points += len(cut)
            dots += cut
            ends += cut
    return num_points, sorted({*dots, min(ends), max(ends)}) if ends else []
