"""Jobs as lists: filtered, page by page, counted."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import attrgetter

from sqlalchemy import JSON, ColumnElement, false, func, or_, select, type_coerce
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
    if not statuses:
        return session.scalars(statement).all()
    # A page of each: for each status rows lie in the order in which they are read, for several they do not.
    found = [job for status in frozenset(statuses) for job in session.scalars(statement.where(Job.status == status))]
    return sorted(found, key=attrgetter("id"), reverse=True)[:limit]


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
