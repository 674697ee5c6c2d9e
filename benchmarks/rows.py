"""Many rows at once: jobs and points, made by the database itself out of numbers."""

from collections.abc import Sequence

from sqlalchemy import TextClause, select, text

from store import spans
from store.database import Database
from store.leases import Lease
from store.series import Point
from store.tables import Metric
from trainer_core.contract.spec import JobSpec

_NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})"
_SECONDS_LATER = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', '2026-01-01', {seconds} || ' seconds')",
    "postgresql": "timestamptz '2026-01-01' + {seconds} * interval '1 second'",
}
_FIRST_NUMBER = 1_000_000_000
"""So that ids of all numbers are of one length, and sort by age."""
_STATUS = """CASE WHEN n % 20 < 2 THEN 'queued' WHEN n % 20 < 4 THEN 'failed' WHEN n % 20 = 4 THEN 'cancelled'
 WHEN n % 20 = 5 THEN 'paused' ELSE 'succeeded' END"""
"""Of twenty jobs two wait, two failed, one was cancelled, one is paused."""
_JOBS = """INSERT INTO jobs (id, status, spec, base_model, priority, attempt, not_before, infra_failures, created_at,
 queued_at, finished_at)
{numbers}
SELECT {job_id}, {status}, {spec}, 'model-' || CAST(n % 50 AS text), CAST(n % 3 AS integer), 1, {at}, 0, {at}, {at},
 CASE WHEN n % 20 IN (0, 1, 5) THEN NULL ELSE {at} END
FROM numbers"""
_POINTS = """INSERT INTO metrics (job_id, name, attempt, step, value, created_at)
{numbers}
SELECT :job_id, :name, 1, n, 2.0 + (n % 1000 * 919 % 1000) / 1000.0 - n / 1000000.0, {at} FROM numbers"""


def job_id(number: int) -> str:
    """The id of a job, counted from 1 by age."""
    return f"ftjob-{_FIRST_NUMBER + number}"


def add_jobs(database: Database, number: int) -> None:
    """Add jobs on fifty base models, of three priorities; a tenth of them wait."""
    spec = JobSpec(base_model="model-1", train_dataset="file-1").model_dump_json()
    _execute(
        database,
        _JOBS.format(
            numbers=_NUMBERS.format(first=1, last=number),
            job_id=f"'ftjob-' || CAST({_FIRST_NUMBER} + n AS text)",
            status=_STATUS,
            spec="CAST(:spec AS json)" if database.engine.dialect.name == "postgresql" else ":spec",
            at=_later(database, "n"),
        ),
        [{"spec": spec}],
    )


def add_points(database: Database, of_job: str, names: Sequence[str], steps: int) -> None:
    """Add the points of a first attempt."""
    statement = _POINTS.format(numbers=_NUMBERS.format(first=1, last=steps), at=_later(database, "0"))
    _execute(database, statement, [{"job_id": of_job, "name": name} for name in names])
    with database.writing() as session:
        written = select(Metric.name, Metric.step, Metric.value).where(Metric.job_id == of_job)
        spans.record(session, Lease(of_job, 1, ""), [Point(*row) for row in session.execute(written)])


def _later(database: Database, seconds: str) -> str:
    return _SECONDS_LATER[database.engine.dialect.name].format(seconds=seconds)


def _execute(database: Database, statement: str, parameters: list[dict[str, str]]) -> None:
    prepared: TextClause = text(statement)
    with database.writing() as session:
        for one in parameters:
            session.execute(prepared, one)
