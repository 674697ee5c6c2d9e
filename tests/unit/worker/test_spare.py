"""Runners that wait for an attempt."""

import os

import psutil
import pytest

from store import jobs
from store.database import Database
from store.leases import Lease
from store.lifecycle import JobStatus
from tests.patience import PATIENCE_SECONDS
from worker.spare import Spare


@pytest.fixture
def spare(_runners_are_told: None) -> Spare:
    return Spare()


def the_one_that_waits(spare: Spare) -> psutil.Process:
    assert spare._waiting is not None  # noqa: SLF001 - what it is called by is not known before it has begun
    return psutil.Process(spare._waiting[0].pid)  # noqa: SLF001


def status(database: Database, lease: Lease) -> JobStatus:
    with database.reading() as session:
        return jobs.get(session, lease.job_id).status


def test_a_runner_that_waits_carries_an_attempt_out(spare: Spare, database: Database, lease: Lease) -> None:
    spare.tend()
    waiting = the_one_that_waits(spare)

    runner = spare.start(lease, {}, [], None)

    assert (runner.pid, runner.wait(PATIENCE_SECONDS)) == (waiting.pid, 0)
    assert status(database, lease) == JobStatus.SUCCEEDED


def test_without_one_that_waits_a_new_one_carries_it_out(spare: Spare, database: Database, lease: Lease) -> None:
    assert spare.start(lease, {}, [], None).wait(PATIENCE_SECONDS) == 0

    assert status(database, lease) == JobStatus.SUCCEEDED


def test_one_that_died_while_it_waited_is_replaced(spare: Spare, database: Database, lease: Lease) -> None:
    spare.tend()
    waiting = the_one_that_waits(spare)
    waiting.kill()
    os.waitid(os.P_PID, waiting.pid, os.WEXITED | os.WNOWAIT)

    assert spare.start(lease, {}, [], None).wait(PATIENCE_SECONDS) == 0

    assert status(database, lease) == JobStatus.SUCCEEDED


def test_one_that_waits_ends_without_its_worker(spare: Spare) -> None:
    spare.tend()
    waiting = the_one_that_waits(spare)

    spare.end()

    assert not waiting.is_running()


def test_a_runner_holds_the_locks_that_it_was_handed(spare: Spare, lease: Lease) -> None:
    lock, holder = os.pipe()

    runner = spare.start(lease, {}, [holder], None)
    os.close(holder)

    with os.fdopen(lock) as file:
        assert file.read() == ""  # its end: nobody holds the other one any more
    assert runner.wait(PATIENCE_SECONDS) == 0
