"""Requests that meet: of those with one key, and of a first try and its retry, one makes something."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store import inspections, submissions
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.submissions import KeyTaken
from store.tables import Job
from tests.unit.locked import wait_for_lock
from trainer_core.contract.spec import JobSpec

WHAT = "thing"
BODY = "0" * 64


def submit(session: Session, new_id: str, *, is_retry: bool) -> str:
    """What a request without a key does; the id that it answers with."""
    made = submissions.made_before(session, None, WHAT, BODY, is_retry=is_retry)
    if made is None:
        submissions.keep(session, None, WHAT, BODY, new_id, is_retry=is_retry)
    return made or new_id


def submit_apart(database: Database, new_id: str, *, is_retry: bool) -> str:
    with database.writing(DEFAULT_PROJECT) as session:
        return submit(session, new_id, is_retry=is_retry)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("first_is_retry", [False, True])
def test_of_a_first_try_and_its_retry_the_second_finds_what_the_first_has_made(
    database: Database, *, first_is_retry: bool
) -> None:
    with ThreadPoolExecutor() as pool:
        with database.writing(DEFAULT_PROJECT) as session:
            submit(session, "a", is_retry=first_is_retry)
            second = pool.submit(submit_apart, database, "b", is_retry=not first_is_retry)
            wait_for_lock(database)

        assert second.result() == "a"


def test_of_many_with_one_key_that_meet_one_leaves_a_job(database: Database, spec: JobSpec) -> None:
    def is_first() -> bool:
        try:
            with database.writing(DEFAULT_PROJECT) as session:
                job = inspections.submit(session, spec)
                submissions.keep(session, "k", WHAT, BODY, job.id, is_retry=False)
        except KeyTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        racers = [pool.submit(is_first) for _ in range(8)]

    assert [racer.result() for racer in racers].count(True) == 1
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 1
