"""Jobs as lists."""

import pytest

from store import jobs, listing
from store.database import Database
from store.lifecycle import JobStatus
from tests.unit.queued import submit_queued
from trainer_core.contract.spec import JobSpec


def submit(database: Database, spec: JobSpec, **changes: object) -> str:
    with database.writing() as session:
        return submit_queued(session, spec.model_copy(update=changes)).id


def test_a_page_goes_on_behind_the_one_before(database: Database, spec: JobSpec) -> None:
    submitted = sorted((submit(database, spec) for _ in range(3)), reverse=True)

    with database.reading() as session:
        first = listing.page(session, limit=2)
        second = listing.page(session, after=first[-1].id, limit=2)

    assert [job.id for job in (*first, *second)] == submitted


def test_a_page_can_be_of_one_status(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    cancelled = submit(database, spec)
    with database.writing() as session:
        jobs.request_cancel(session, cancelled)

    with database.reading() as session:
        found = listing.page(session, statuses=[JobStatus.CANCELLED], limit=10)

    assert [job.id for job in found] == [cancelled]


def test_a_page_can_be_of_one_base_model(database: Database, spec: JobSpec) -> None:
    submit(database, spec)
    other = submit(database, spec, base_model="another/model")

    with database.reading() as session:
        found = listing.page(session, base_model="another/model", limit=10)

    assert [job.id for job in found] == [other]


@pytest.mark.parametrize("name", ["team", "a.b", 'a"b', "a\\b", "équipe☃", "$", "[0]"])
def test_jobs_are_found_by_a_pair_whatever_characters_its_name_has(
    database: Database, spec: JobSpec, name: str
) -> None:
    job_id = submit(database, spec, metadata={name: "é", "run": "1"})
    submit(database, spec, metadata={"run": "1"})

    with database.reading() as session:
        found = [
            [job.id for job in listing.page(session, metadata={name: value, "run": "1"}, limit=10)]
            for value in ("é", "e")
        ]

    assert found == [[job_id], []]


def test_no_job_has_more_pairs_than_a_spec_may_have(database: Database, spec: JobSpec) -> None:
    submit(database, spec, metadata={"run": "1"})

    with database.reading() as session:
        assert not listing.page(session, metadata={str(number): "1" for number in range(5000)}, limit=10)
