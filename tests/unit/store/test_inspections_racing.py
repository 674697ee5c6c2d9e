"""Jobs that are cancelled at the moment at which a worker has found out about them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from store import inspections, jobs
from store.database import Database
from store.inspections import Claim
from store.lifecycle import JobStatus
from store.tables import Job
from tests.unit.locked import wait_for_lock
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import JobSpec

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def finish(database: Database, claim: Claim) -> None:
    with database.writing() as session:
        inspections.finish(session, claim, JobReport(is_valid=True))


def test_a_report_waits_for_whoever_cancels_its_job_and_holds_nothing_that_they_need(
    database: Database, spec: JobSpec
) -> None:
    with database.writing() as session:
        job_id = inspections.submit(session, spec).id
        claim = inspections.claim(session, 60)
    assert claim is not None

    with ThreadPoolExecutor() as pool:
        with database.writing() as session:
            session.execute(select(Job.id).where(Job.id == job_id).with_for_update())
            finishing = pool.submit(finish, database, claim)
            wait_for_lock(database)
            jobs.request_cancel(session, job_id)

        finishing.result()

    with database.reading() as session:
        assert jobs.get(session, job_id).status == JobStatus.CANCELLED
