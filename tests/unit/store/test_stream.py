"""All that a job tells, in its order."""

from collections.abc import Callable

import pytest
from sqlalchemy import make_url, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from store import inspections, jobs, leases, stream
from store.database import Database
from store.leases import Failure, Lease
from store.lifecycle import JobStatus
from store.stream import Head, Kind, Place, Told
from store.tables import Job
from tests.unit.queued import claim_submitted, submit_queued
from tests.unit.told import succeed, tell_step
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.events import Phase, PhaseEntered
from trainer_core.contract.report import JobReport
from trainer_core.contract.spec import JobSpec
from worker.recorder import Recorder

FAILURE = Failure(FailureCode.INVALID_SPEC, "no")


@pytest.fixture
def lease(database: Database, spec: JobSpec) -> Lease:
    return claim_submitted(database, spec)


def head(database: Database, job_id: str) -> Head:
    with database.reading() as session:
        return stream.heads(session, [job_id])[job_id]


def read(
    database: Database, job_id: str, since: Place, *, kinds: tuple[Kind, ...] = tuple(Kind), limit: int = 100
) -> tuple[list[Told], Place]:
    with database.reading() as session:
        return stream.between(session, job_id, since, head(database, job_id).place, kinds=kinds, limit=limit)


def numbers(told: list[Told]) -> list[tuple[Kind, int]]:
    return [(one.kind, one.row.id) for one in told]


def test_a_place_is_read_as_it_was_written() -> None:
    assert Place.parse(str(Place(1, 2, 3, 4))) == Place(1, 2, 3, 4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "e1-s2-m3",
        "e1-s2-m3-l4x",
        "e-1-s2-m3-l4",
        "e\N{ARABIC-INDIC DIGIT ONE}-s2-m3-l4",
        f"e{10**18}-s0-m0-l0",
    ],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no place"):
        Place.parse(text)


def test_from_the_beginning_everything_is_told_once(database: Database, lease: Lease) -> None:
    tell_step(database, lease, 1, is_evaluated=True)

    told, place = read(database, lease.job_id, Place())

    kinds = [one.kind for one in told]
    assert {kind: kinds.count(kind) for kind in Kind} == {"event": 5, "sample": 1, "metric": 2, "log": 1}
    assert place == head(database, lease.job_id).place


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_page_by_page_it_is_the_same(database: Database, lease: Lease, limit: int) -> None:
    for step in (1, 2, 3):
        tell_step(database, lease, step, is_evaluated=step == 2)
    whole, end = read(database, lease.job_id, Place())

    place, told = Place(), list[Told]()
    while place != end:
        page, place = read(database, lease.job_id, place, limit=limit)
        told += page

    assert sorted(numbers(told)) == sorted(numbers(whole))
    for kind in Kind:
        assert [one.row.id for one in told if one.kind is kind] == [one.row.id for one in whole if one.kind is kind]


def test_from_any_place_the_rest_is_told(database: Database, lease: Lease) -> None:
    for step in (1, 2):
        tell_step(database, lease, step, is_evaluated=True)
    whole, _ = read(database, lease.job_id, Place())

    for index, one in enumerate(whole):
        rest, _ = read(database, lease.job_id, one.place)
        assert numbers(rest) == numbers(whole[index + 1 :])


def test_kinds_that_are_not_asked_for_are_passed_over(database: Database, lease: Lease) -> None:
    tell_step(database, lease, 1)

    told, place = read(database, lease.job_id, Place(), kinds=(Kind.LOG,))

    assert [one.kind for one in told] == [Kind.LOG]
    assert place == head(database, lease.job_id).place


def test_another_job_tells_nothing_here(database: Database, lease: Lease, spec: JobSpec) -> None:
    before = head(database, lease.job_id)
    with database.writing() as session:
        inspections.submit(session, spec)

    assert head(database, lease.job_id) == before


def test_a_head_tells_status_and_place_in_the_queue(database: Database, lease: Lease, spec: JobSpec) -> None:
    with database.writing() as session:
        waiting = submit_queued(session, spec).id
    succeed(database, lease)

    ended, queued = head(database, lease.job_id), head(database, waiting)

    assert (ended.status, ended.has_ended, ended.queue_position) == (JobStatus.SUCCEEDED, True, None)
    assert (queued.status, queued.has_ended, queued.queue_position) == (JobStatus.QUEUED, False, 1)


def test_a_job_that_is_not_there_has_no_head(database: Database) -> None:
    with database.reading() as session:
        assert stream.heads(session, ["ftjob-none"]) == {}


def flush(database: Database, lease: Lease) -> None:
    recorder = Recorder(database, lease, 90)
    recorder.take(PhaseEntered(phase=Phase.TRAINING))
    recorder.flush()


RUNNING: dict[str, Callable[[Session, Lease], object]] = {
    "ask to end": lambda session, lease: jobs.request_cancel(session, lease.job_id),
    "ask to pause": lambda session, lease: jobs.request_pause(session, lease.job_id),
    "ask to stop and save": lambda session, lease: jobs.request_finish(session, lease.job_id),
    "succeed": leases.succeed,
    "cancel": leases.cancel,
    "fail": lambda session, lease: leases.fail(session, lease, FAILURE),
    "give back": lambda session, lease: leases.give_back(session, lease, "stopping"),
    "charge": lambda session, lease: leases.charge(session, lease, "lost"),
}
WAITING: dict[str, Callable[[Session, str], object]] = {
    "cancel": jobs.request_cancel,
    "leave validating": lambda session, job_id: jobs.leave_validating(session, job_id, JobReport(is_valid=True)),
}


@pytest.fixture
def hurried(database_url: str) -> Database:
    """Waits for no lock."""
    url = make_url(database_url).update_query_dict({"options": "-c lock_timeout=50"})
    return Database(url.render_as_string(hide_password=False))


def assert_waits(database: Database, job_id: str, write: Callable[[], object]) -> None:
    with database.writing() as session:
        session.execute(select(Job.id).where(Job.id == job_id).with_for_update())

        with pytest.raises(OperationalError, match="lock timeout"):
            write()


# What keeps the numbers of a job's rows in the order of their commits: see the docstring of store.stream.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
class TestWhoeverWritesForAJobWaitsForItsRow:
    @pytest.mark.parametrize("write", RUNNING.values(), ids=RUNNING)
    def test_running(
        self, database: Database, hurried: Database, lease: Lease, write: Callable[[Session, Lease], object]
    ) -> None:
        with hurried.writing() as session:
            assert_waits(database, lease.job_id, lambda: write(session, lease))
            session.rollback()
        hurried.close()

    def test_recorder(self, database: Database, hurried: Database, lease: Lease) -> None:
        assert_waits(database, lease.job_id, lambda: flush(hurried, lease))
        hurried.close()

    @pytest.mark.parametrize("write", WAITING.values(), ids=WAITING)
    def test_waiting(
        self, database: Database, hurried: Database, spec: JobSpec, write: Callable[[Session, str], object]
    ) -> None:
        with database.writing() as session:
            job_id = inspections.submit(session, spec).id

        with hurried.writing() as session:
            assert_waits(database, job_id, lambda: write(session, job_id))
            session.rollback()
        hurried.close()
