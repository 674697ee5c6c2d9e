"""Jobs as lists: filtered, page by page, counted."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import attrgetter

from sqlalchemy import JSON, ColumnElement, Select, false, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from store.database import json_pairs
from store.lifecycle import JobStatus
from store.tables import Artifact, Job
from trainer_core.contract.spec import MAX_METADATA, SWEEP


def page(
    session: Session,
    *,
    statuses: Collection[JobStatus] = (),
    base_model: str | None = None,
    search: str | None = None,
    metadata: Mapping[str, str] | None = None,
    after: str | None = None,
    limit: int,
) -> Sequence[Job]:
    """Jobs older than the job `after`, newest first.

    Args:
        session: Reads.
        statuses: Of which they have one; none asks for no status.
        base_model: That they train.
        search: What their id, base model or suffix holds, in upper or lower case.
        metadata: Pairs that they all have; with none at all, jobs without metadata.
        after: The last job of the page before.
        limit: Most jobs.
    """
    statement = select(Job).order_by(Job.id.desc()).limit(limit)
    if base_model is not None:
        statement = statement.where(Job.base_model == base_model)
    if search is not None:
        statement = statement.where(_mentions(search))
    if metadata is not None:
        statement = statement.where(*_has(session, metadata))
    if after is not None:
        statement = statement.where(Job.id < after)
    some = frozenset(statuses)
    if 1 < len(some) < len(JobStatus):  # naming all is naming none
        return _of_several(session, statement, some, limit)
    if len(some) == 1:
        statement = statement.where(Job.status == next(iter(some)))
    return session.scalars(statement).all()


def _of_several(session: Session, statement: Select[Job], statuses: Collection[JobStatus], limit: int) -> Sequence[Job]:
    """The newest of a page of each status: of each, rows lie in the order in which they are read, of several not."""
    # Ids alone: whole jobs, most of them for nothing, take ten times as long with 200,000 of them.
    pages = (statement.with_only_columns(Job.id).where(Job.status == one) for one in statuses)
    newest = sorted((job_id for page in pages for job_id in session.scalars(page)), reverse=True)[:limit]
    found = session.scalars(select(Job).where(Job.id.in_(newest))) if newest else ()
    return sorted(found, key=attrgetter("id"), reverse=True)


def counts(session: Session) -> dict[JobStatus, int]:
    """How many jobs there are of each status."""
    counted = select(Job.status, func.count()).group_by(Job.status)
    found = {status: number for status, number in session.execute(counted)}  # noqa: C416 - rows are no pairs for mypy
    return {status: found.get(status, 0) for status in JobStatus}


def with_artifact(session: Session, *, limit: int) -> Sequence[Job]:
    """Jobs that have left something to download, newest first."""
    return session.scalars(select(Job).join(Artifact).order_by(Job.id.desc()).limit(limit)).all()


def _mentions(text: str) -> ColumnElement[bool]:
    suffix = type_coerce(Job.spec, JSON)["suffix"].as_string()
    return or_(*(column.icontains(text, autoescape=True) for column in (Job.id, Job.base_model, suffix)))


def _has(session: Session, metadata: Mapping[str, str]) -> Iterator[ColumnElement[bool]]:
    kept = type_coerce(Job.spec, JSON)["metadata"]
    if not metadata:
        yield kept.as_string() == "{}"
    if len(metadata) > MAX_METADATA:  # SQLite would not read so long a condition
        yield false()
        return
    for name, value in metadata.items():
        pair = json_pairs(session, kept)
        is_among = select(pair.c.key).where(pair.c.key == name, pair.c.value == value).exists()
        yield Job.sweep == value if name == SWEEP else is_among
