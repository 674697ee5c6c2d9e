"""Who may use a project's trained models."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from store import permissions
from store.columns import DEFAULT_PROJECT
from store.database import Database
from tests.unit.locked import wait_for_lock

MODEL = "ft:starter:proj_default::01k00000000000000000000000"


def share(database: Database) -> None:
    with database.writing(DEFAULT_PROJECT) as session:
        permissions.add(session, MODEL, ["proj_other"])


def test_sharing_twice_is_sharing_once(database: Database) -> None:
    share(database)
    share(database)

    with database.reading(DEFAULT_PROJECT) as session:
        assert len(permissions.page(session, MODEL, limit=10)) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_two_requests_that_share_a_model_at_the_same_time_one_does(database: Database) -> None:
    with ThreadPoolExecutor() as pool:
        with database.writing(DEFAULT_PROJECT) as session:
            permissions.add(session, MODEL, ["proj_other"])
            sharing = pool.submit(share, database)
            wait_for_lock(database)
        sharing.result()

    with database.reading(DEFAULT_PROJECT) as session:
        assert len(permissions.page(session, MODEL, limit=10)) == 1
