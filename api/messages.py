"""Rows as server-sent events: encoded once, whoever and however many they go to."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from fastapi.sse import format_sse_event
from pydantic import BaseModel

from api.views import EventRead, JobRead, LogLineRead, PointsRead, SampleRead
from store.stream import Kind, Place, Told
from store.tables import Event, Metric

_JOB, _END = "job", "end"
TYPES = (_JOB, *Kind)
"""What a reader may ask for; the end is told to everyone."""
_RECONNECT_MILLISECONDS = 1000


@dataclass(frozen=True)
class Message:
    """Bytes of one server-sent event."""

    type: str
    data: bytes


def wanted(told: Iterable[Message], types: Collection[str]) -> bytes:
    """What a reader that asked for these types is sent."""
    return b"".join(message.data for message in told if message.type in types or message.type == _END)


def greeting() -> bytes:
    """What every stream begins with: how soon to come back after it breaks."""
    return format_sse_event(retry=_RECONNECT_MILLISECONDS)


def of_job(job: JobRead) -> Message:
    """The job as it is. It has no id: it is a state, told anew to whoever comes back."""
    return Message(_JOB, format_sse_event(event=_JOB, data_str=job.model_dump_json()))


def of_end(place: Place) -> Message:
    """Nothing more will come."""
    return Message(_END, format_sse_event(event=_END, data_str="{}", id=f"{place}-end"))


def of_rows(told: Iterable[Told]) -> Iterator[Message]:
    """A message a row; points that were written together are one."""
    for (kind, *_), group in groupby(told, _together):
        rows = list(group)
        body = _points([one.row for one in rows]) if kind is Kind.METRIC else _body(kind, rows[0])
        data = format_sse_event(event=kind, data_str=body.model_dump_json(), id=str(rows[-1].place))
        yield Message(kind, data)


def _together(one: Told) -> tuple[Kind, int, int]:
    if one.kind is Kind.METRIC:
        return one.kind, one.row.attempt, one.row.step
    return one.kind, one.row.id, 0


def _body(kind: Kind, one: Told) -> BaseModel:
    if kind is Kind.LOG:
        return LogLineRead.model_validate(one.row)
    return _sample(one.row) if kind is Kind.SAMPLE else EventRead.model_validate(one.row)


def _points(rows: list[Metric]) -> PointsRead:
    first = rows[0]
    values = {row.name: row.value for row in rows}
    return PointsRead(attempt=first.attempt, step=first.step, created_at=first.created_at, values=values)


def _sample(event: Event) -> SampleRead:
    told = {key: event.data[key] for key in ("step", "predictions")}
    return SampleRead(event_id=event.id, attempt=event.attempt, created_at=event.created_at, **told)
