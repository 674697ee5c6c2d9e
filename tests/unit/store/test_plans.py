"""No list, poll or claim reads more rows the more jobs there are: each is served by an index in its own order."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from store import deliveries, inspections, leases, listing, metrics, tallies, waiting, webhooks
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.lifecycle import JobStatus
from store.tables import WAITS, Job
from tests.unit.queued import submit_queued
from trainer_core.contract.spec import JobSpec

Read = Callable[[Session], object]


def page(*statuses: JobStatus, base_model: str | None = None, after: str | None = None) -> Read:
    return lambda session: listing.page(session, statuses=statuses, base_model=base_model, after=after, limit=20)


def thinned(session: Session) -> object:
    return metrics.read(session, "ftjob-1", names=["loss"], max_points=100)


READS: dict[str, Read] = {
    "one job": lambda session: session.get(Job, "ftjob-1"),
    "all": page(),
    "further on": page(after="ftjob-1"),
    "of a status": page(JobStatus.FAILED),
    "of several statuses": page(JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.SUCCEEDED),
    "of a base model": page(base_model="starter"),
    "of both": page(JobStatus.FAILED, base_model="starter", after="ftjob-1"),
    "how many of each status": listing.counts,
    "of a sweep": lambda session: listing.page(session, metadata={"sweep": "sweep-1"}, limit=20),
    "places in the queue": lambda session: waiting.positions(
        session, [Job(id="ftjob-1", project_id=DEFAULT_PROJECT, status=JobStatus.QUEUED)]
    ),
    "a claim": lambda session: leases.claim(session, worker="w", seconds=90),
    "whether there is anything to claim": leases.is_anything_due,
    "leases that ran out": lambda session: list(leases.expired(session)),
    "points": thinned,
    "what is to be delivered": deliveries.is_anything_due,
    "what was delivered long ago": deliveries.forget_old,
    "webhook endpoints": lambda session: webhooks.page(session, after="we_1", limit=20),
    "the longest wait": lambda session: session.scalar(select(func.min(Job.queued_at)).where(WAITS)),
    "the newest event": tallies.newest,
    "how fast jobs were": lambda session: inspections.seconds_at_pace(session, "starter", 1.0),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_nothing_is_sorted_and_no_table_is_read_through(database: Database, spec: JobSpec, read: Read) -> None:
    with database.writing() as session:
        submit_queued(session, spec)

    lines = plans(database, read)

    assert lines
    assert [line for line in lines if "Sort" in line or "TEMP B-TREE" in line or "Seq Scan" in line] == []
    scans = [line for line in lines if line.startswith("SCAN") and line != "SCAN CONSTANT ROW"]
    assert [line for line in scans if "USING" not in line] == []


def plans(database: Database, read: Read) -> list[str]:
    """How the database carries out what is read, where tables are too large to be read through."""
    asked: list[tuple[str, Any]] = []
    with database.writing(DEFAULT_PROJECT) as session:
        connection = session.connection()
        listen = (connection, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        event.listen(*listen)
        read(session)
        event.remove(*listen)
        explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        if connection.dialect.name == "postgresql":  # tables of a few rows are
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        explained = (connection.exec_driver_sql(explain + statement, how) for statement, how in asked)
        return [str(row[-1]) for rows in explained for row in rows]
