"""What points come to over spans of steps, written beside them, so that a curve of any length is drawn from few rows.

A span is of one attempt: its number of points, its first and last, its least and greatest. Spans are of a few widths,
each a multiple of the one before, and whoever wants few points reads the widest that will do.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from store.database import upserting
from store.leases import Lease
from store.series import Dot, Point, extremes
from store.tables import MetricSpan

WIDTHS = (16, 64, 256, 1024)
"""In steps: one row for each of them beside sixteen points."""
_KEY = tuple(column.name for column in MetricSpan.__table__.primary_key)
_SHOWN = (
    MetricSpan.attempt,
    MetricSpan.num_points,
    MetricSpan.first_step,
    MetricSpan.first_value,
    MetricSpan.last_step,
    MetricSpan.last_value,
    MetricSpan.least_step,
    MetricSpan.least_value,
    MetricSpan.greatest_step,
    MetricSpan.greatest_value,
)


class Span(NamedTuple):
    """What the points of an attempt over some steps come to."""

    attempt: int
    num_points: int
    first: Dot
    last: Dot
    least: Dot
    greatest: Dot


def record(session: Session, lease: Lease, points: Sequence[Point]) -> None:
    """Add points of an attempt, whose steps only grow, to the spans that hold them."""
    rows = [
        {"job_id": lease.job_id, "attempt": lease.attempt, **span}
        for name, some in groupby(sorted(points, key=_by_name), key=lambda point: point.name)
        for span in _spans(name, [(point.step, point.value) for point in some])
    ]
    if rows:
        session.execute(_adding(session), rows)


def _by_name(point: Point) -> tuple[str, int]:
    return point.name, point.step


def _spans(name: str, dots: Sequence[Dot]) -> Iterable[Mapping[str, Any]]:
    for width in WIDTHS:
        for number, some in groupby(dots, key=lambda dot: dot[0] // width):
            yield {"width": width, "name": name, "number": number, **_summary(list(some))}


def _summary(dots: Sequence[Dot]) -> Mapping[str, Any]:
    least, greatest = extremes(dots)
    told = {"first": dots[0], "least": least, "greatest": greatest, "last": dots[-1]}
    return {
        "num_points": len(dots),
        **{f"{which}_step": step for which, (step, _) in told.items()},
        **{f"{which}_value": value for which, (_, value) in told.items()},
    }


def _adding(session: Session) -> Any:
    statement = upserting(session, MetricSpan)
    new, is_less, is_greater = (
        statement.excluded,
        statement.excluded.least_value < MetricSpan.least_value,
        statement.excluded.greatest_value > MetricSpan.greatest_value,
    )
    return statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={
            "num_points": MetricSpan.num_points + new.num_points,
            "least_step": case((is_less, new.least_step), else_=MetricSpan.least_step),
            "least_value": case((is_less, new.least_value), else_=MetricSpan.least_value),
            "greatest_step": case((is_greater, new.greatest_step), else_=MetricSpan.greatest_step),
            "greatest_value": case((is_greater, new.greatest_value), else_=MetricSpan.greatest_value),
            "last_step": new.last_step,
            "last_value": new.last_value,
        },
    )


def extents(session: Session, job_id: str, names: Collection[str] = ()) -> Sequence[Any]:
    """For each metric and attempt, in this order: `name`, `attempt`, `first` and `last` step, and `num_points`.

    Args:
        names: Of the metrics; none asks for all.
    """
    statement = (
        select(
            MetricSpan.name,
            MetricSpan.attempt,
            func.min(MetricSpan.first_step).label("first"),
            func.max(MetricSpan.last_step).label("last"),
            func.sum(MetricSpan.num_points).label("num_points"),
        )
        .where(MetricSpan.job_id == job_id, MetricSpan.width == WIDTHS[-1])
        .group_by(MetricSpan.name, MetricSpan.attempt)
        .order_by(MetricSpan.name, MetricSpan.attempt)
    )
    if names:
        statement = statement.where(MetricSpan.name.in_(names))
    return session.execute(statement).all()


def between(session: Session, job_id: str, name: str, width: int, first: int, last: int) -> Iterator[Span]:
    """Spans of a width that hold steps between two, both inclusive, by attempt and step."""
    statement = (
        select(*_SHOWN)
        .where(MetricSpan.job_id == job_id, MetricSpan.width == width, MetricSpan.name == name)
        .where(MetricSpan.number.between(first // width, last // width))
        .order_by(MetricSpan.attempt, MetricSpan.number)
    )
    for attempt, number, step_1, value_1, step_2, value_2, step_3, value_3, step_4, value_4 in session.execute(
        statement
    ):
        yield Span(attempt, number, (step_1, value_1), (step_2, value_2), (step_3, value_3), (step_4, value_4))
