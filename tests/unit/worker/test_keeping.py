"""What is done at length keeps its lease."""

import threading

import pytest

from store import jobs, leases
from store.database import Database
from store.leases import Lease, LeaseLost
from worker.keeping import Cancelled, Keeper
from worker.recorder import Recorder
from worker.settings import WorkerSettings


@pytest.fixture
def keeper(settings: WorkerSettings, database: Database, lease: Lease) -> Keeper:
    return Keeper(settings, database, lease, Recorder(database, lease, settings.lease_seconds))


def test_what_the_work_gives_is_given(keeper: Keeper) -> None:
    assert keeper.during(lambda: 7) == 7


def test_what_the_work_raises_is_raised(keeper: Keeper) -> None:
    def work() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        keeper.during(work)


def test_work_whose_job_is_cancelled_is_left(keeper: Keeper, database: Database, lease: Lease) -> None:
    with database.writing() as session:
        jobs.request_cancel(session, lease.job_id)

    with pytest.raises(Cancelled):
        keeper.during(threading.Event().wait)


def test_work_whose_lease_is_lost_is_left(keeper: Keeper, database: Database, lease: Lease) -> None:
    with database.writing() as session:
        leases.give_back(session, lease, "stopping")

    with pytest.raises(LeaseLost):
        keeper.during(threading.Event().wait)
