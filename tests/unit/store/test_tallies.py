"""What has happened to jobs, counted from their events."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from store import inspections, jobs, leases, tallies
from store.clock import from_now
from store.database import Database
from store.leases import Failure
from store.tables import Event
from store.tallies import Tally
from tests.unit.queued import claim_submitted, pass_inspection, submit_queued
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.report import JobReport, Problem
from trainer_core.contract.spec import JobSpec


def settle(session: Session) -> None:
    """Let all that was told be old enough to be counted."""
    session.execute(update(Event).values(created_at=from_now(-60)))


def test_what_was_told_just_now_is_not_counted_yet(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        submit_queued(session, spec)

        assert tallies.newest(session) == 0


def test_events_that_are_alike_are_one_tally(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        submit_queued(session, spec)
        submit_queued(session, spec)
        settle(session)
        found = set(tallies.between(session, 0, tallies.newest(session)))

    assert found == {Tally("job_submitted", None, None, 2), Tally("job_queued", None, None, 2)}


def test_the_end_of_an_attempt_tells_its_outcome_and_why_the_job_failed(database: Database, spec: JobSpec) -> None:
    lease = claim_submitted(database, spec)
    with database.writing() as session:
        leases.fail(session, lease, Failure(FailureCode.OUT_OF_MEMORY, "too large"))
        settle(session)
        found = set(tallies.between(session, 0, tallies.newest(session)))

    assert Tally("job_failed", "failed", "out_of_memory", 1) in found


def test_a_job_that_was_refused_had_no_attempt(database: Database, spec: JobSpec) -> None:
    refusal = JobReport(is_valid=False, problem=Problem(code=FailureCode.INVALID_DATASET, message="line 1"))
    with database.writing() as session:
        inspections.submit(session, spec)
        pass_inspection(session, refusal)
        settle(session)
        found = set(tallies.between(session, 0, tallies.newest(session)))

    assert Tally("job_failed", None, "invalid_dataset", 1) in found


def test_what_was_counted_before_is_not_counted_again(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        submit_queued(session, spec)
        settle(session)
        newest = tallies.newest(session)
        jobs.request_cancel(session, submit_queued(session, spec).id)
        settle(session)
        found = set(tallies.between(session, newest, tallies.newest(session)))

    assert Tally("job_submitted", None, None, 1) in found
    assert Tally("job_cancelled", None, None, 1) in found
