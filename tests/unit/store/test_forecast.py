"""When a waiting job will begin."""

import pytest

from store import forecast, inspections, jobs, leases, workers
from store.clock import now
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.progress import Progress
from tests.unit.hooked import add_project
from tests.unit.queued import ESTIMATE, pass_inspection, submit_queued
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import JobSpec

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def two_slots(database: Database) -> None:
    """Of the only worker."""
    with database.writing() as session:
        workers.see(session, "w", num_slots=2, memory_bytes=1, gpus=())


def run(database: Database, spec: JobSpec, left: float | None, *, elapsed: float = 1.0) -> leases.Lease:
    """Have a job run, which takes so many seconds yet; None if it has not told."""
    with database.writing() as session:
        inspections.submit(session, spec)
        pass_inspection(session, JobReport(is_valid=True, estimate=ESTIMATE))
        lease = leases.claim(session, worker="w", seconds=90)
        assert lease is not None
        if left is not None:
            progress = Progress(
                step=1,
                total_steps=2,
                epoch=0.5,
                loss=None,
                learning_rate=0.0,
                elapsed_seconds=elapsed,
                remaining_seconds=left,
            )
            leases.write(session, lease, progress=progress)
    return lease


def seconds_to_start(database: Database, spec: JobSpec) -> float | None:
    """Of a job that is submitted now."""
    with database.writing(DEFAULT_PROJECT) as session, pytest.MonkeyPatch.context() as patch:
        at = now(session)
        patch.setattr(forecast, "now", lambda _: at)
        job = submit_queued(session, spec)
        start = forecast.expected(session, [job])[job.id].start_at
        return None if start is None else (start - at).total_seconds()


def test_a_job_begins_at_once_where_a_slot_is_free(database: Database, spec: JobSpec) -> None:
    run(database, spec, 100)

    assert seconds_to_start(database, spec) == 0


def test_a_job_waits_for_what_runs(database: Database, spec: JobSpec) -> None:
    run(database, spec, 100)
    run(database, spec, 300)

    assert seconds_to_start(database, spec) == 200


def test_it_waits_for_other_projects_too(database: Database, spec: JobSpec) -> None:
    other = add_project(database)
    run(database, spec, 100)
    lease = run(database, spec, 300)
    with database.writing() as session:
        jobs.get(session, lease.job_id).project_id = other

    assert seconds_to_start(database, spec) == 200


def test_it_waits_for_what_is_before_it(database: Database, spec: JobSpec) -> None:
    done = run(database, spec, 0, elapsed=50)
    with database.writing() as session:
        leases.succeed(session, done)
    for left in (100, 300):
        run(database, spec, left)
    with database.writing() as session:
        inspections.submit(session, spec)
        pass_inspection(session, JobReport(is_valid=True, estimate=ESTIMATE))

    assert seconds_to_start(database, spec) == (100 + 300 + 50) / 2


def test_nothing_is_foretold_while_a_running_job_has_told_nothing(database: Database, spec: JobSpec) -> None:
    run(database, spec, 100)
    run(database, spec, None)

    assert seconds_to_start(database, spec) is None


def test_nothing_is_foretold_while_the_pace_of_what_is_before_is_unknown(database: Database, spec: JobSpec) -> None:
    run(database, spec, 100)
    run(database, spec, 300)
    with database.writing() as session:
        submit_queued(session, spec)

    assert seconds_to_start(database, spec) is None


def test_a_job_ends_when_it_has_run_as_long_as_those_before_it(database: Database, spec: JobSpec) -> None:
    done = run(database, spec, 0, elapsed=50)
    with database.writing() as session:
        leases.succeed(session, done)
    running = run(database, spec, 100)
    with database.writing() as session:
        waiting = inspections.submit(session, spec).id
        pass_inspection(session, JobReport(is_valid=True, estimate=ESTIMATE))
        at = now(session)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(forecast, "now", lambda _: at)
            found = forecast.expected(
                session, [jobs.get(session, one) for one in (done.job_id, running.job_id, waiting)]
            )

    assert {job_id: one.end_at and (one.end_at - at).total_seconds() for job_id, one in found.items()} == {
        running.job_id: 100,
        waiting: 50,
    }
