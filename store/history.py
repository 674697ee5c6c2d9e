"""What happened to a job and each of its steps, in one order of time, as OpenAI's list of events has it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from store.tables import Event, Metric

LOSS = "loss"
"""Whose points are the steps."""
_PREFIX = "ftevent-"
Entry = Event | Metric
_KINDS: Mapping[str, Any] = {"e": Event, "m": Metric}


class EventNotFound(Exception):
    """The job has no such event."""

    def __init__(self, event_id: str) -> None:
        super().__init__(f"there is no event {event_id!r} of this job")


def id_of(entry: Entry) -> str:
    """What an entry is called."""
    return f"{_PREFIX}{_kind(entry)}{entry.id}"


def before(session: Session, job_id: str, event_id: str | None, limit: int) -> Sequence[Entry]:
    """Entries older than the one with this id, newest first.

    Raises:
        EventNotFound: The job has none with this id.
    """
    return _page(session, job_id, event_id, limit, is_newest_first=True)


def after(session: Session, job_id: str, event_id: str | None, limit: int) -> Sequence[Entry]:
    """Entries newer than the one with this id, oldest first.

    Raises:
        EventNotFound: The job has none with this id.
    """
    return _page(session, job_id, event_id, limit, is_newest_first=False)


def _page(session: Session, job_id: str, event_id: str | None, limit: int, *, is_newest_first: bool) -> Sequence[Entry]:
    mark = None if event_id is None else _order(_find(session, job_id, event_id))
    found: list[Entry] = []
    for kind, table in _KINDS.items():
        behind = () if mark is None else (_behind(kind, table, mark, is_newest_first=is_newest_first),)
        of_job = select(table).where(table.job_id == job_id, *_shown(table), *behind)
        rows = of_job.order_by(table.id.desc() if is_newest_first else table.id).limit(limit)
        found += session.scalars(rows)
    return sorted(found, key=_order, reverse=is_newest_first)[:limit]


def _behind(kind: str, table: Any, mark: tuple[datetime, str, int], *, is_newest_first: bool) -> ColumnElement[bool]:
    """Whether a row stands behind a mark, in the order of `_order`."""
    at, its_kind, its_id = mark
    if is_newest_first:
        is_later, is_behind = table.created_at < at, table.id < its_id
    else:
        is_later, is_behind = table.created_at > at, table.id > its_id
    if kind == its_kind:
        return or_(is_later, and_(table.created_at == at, is_behind))
    is_whole = kind < its_kind if is_newest_first else kind > its_kind
    return or_(is_later, table.created_at == at if is_whole else false())


def _shown(table: Any) -> tuple[Any, ...]:
    return (Metric.name == LOSS,) if table is Metric else ()


def _find(session: Session, job_id: str, event_id: str) -> Entry:
    kind, number = event_id.removeprefix(_PREFIX)[:1], event_id.removeprefix(_PREFIX)[1:]
    table = _KINDS.get(kind)
    if table is None or not (number.isascii() and number.isdigit() and len(number) < 19):  # noqa: PLR2004 - 64 bits
        raise EventNotFound(event_id)
    entry: Entry | None = session.scalar(select(table).where(table.id == int(number), table.job_id == job_id))
    if entry is None:
        raise EventNotFound(event_id)
    return entry


def _order(entry: Entry) -> tuple[datetime, str, int]:
    return entry.created_at, _kind(entry), entry.id


def _kind(entry: Entry) -> str:
    return "m" if isinstance(entry, Metric) else "e"
