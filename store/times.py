"""When points of a series were written, in seconds since 1970."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import Metric

_AT_ONCE = 5000
"""Steps that one statement asks for."""


def of(session: Session, job_id: str, name: str, kept: Mapping[int, range], steps: Sequence[int]) -> list[float]:
    """When each step of a series was written.

    Points are written about once a second. Those that were written together are spread over the second before, by their
    steps, so that they do not stand on one another where time is drawn.

    Args:
        kept: For each attempt the steps that are its own.
        steps: Rising.
    """
    found: list[float] = []
    for attempt, its in sorted(kept.items()):
        asked = [step for step in steps if step in its]
        found += _spread(asked, _written(session, job_id, name, attempt, asked))
    return found


def _written(session: Session, job_id: str, name: str, attempt: int, steps: Sequence[int]) -> list[float]:
    at: dict[int, float] = {}
    statement = select(Metric.step, Metric.created_at).where(
        Metric.job_id == job_id, Metric.name == name, Metric.attempt == attempt
    )
    for begin in range(0, len(steps), _AT_ONCE):
        some = steps[begin : begin + _AT_ONCE]
        rows = session.execute(statement.where(Metric.step.in_(some)))
        at |= {step: created_at.timestamp() for step, created_at in rows}
    return [at[step] for step in steps]


def _spread(steps: Sequence[int], written: Sequence[float]) -> list[float]:
    """Times that rise with the steps: of those that are equal, only the last is as it was."""
    spread: list[float] = []
    first = 0
    while first < len(steps):
        behind = first
        while behind < len(steps) and written[behind] == written[first]:
            behind += 1
        end = written[first]
        begin = max(end - 1, written[first - 1]) if first else end - 1
        width = steps[behind - 1] - steps[first] + 1
        spread += [end - (end - begin) * (steps[behind - 1] - step) / width for step in steps[first:behind]]
        first = behind
    return spread
