"""Requests that are sent again while they are still being answered."""

import pytest

from store import submissions
from store.database import Database
from store.idempotency import KeyTaken

BODY = "0" * 64


def keep(database: Database, answer_id: str, *, is_retry: bool) -> None:
    """Keep what a request has made that has looked before any other had made something."""
    with database.writing() as session:
        submissions.keep(session, None, "job", BODY, answer_id, is_retry=is_retry)


@pytest.mark.parametrize("is_retry", [False, True])
def test_of_a_request_and_its_retry_that_race_one_is_kept(database: Database, is_retry: bool) -> None:  # noqa: FBT001
    keep(database, "first", is_retry=is_retry)

    with pytest.raises(KeyTaken):
        keep(database, "second", is_retry=not is_retry)


def test_two_first_tries_are_two_requests(database: Database) -> None:
    keep(database, "first", is_retry=False)
    keep(database, "second", is_retry=False)

    with database.reading() as session:
        found = submissions.made_before(session, None, "job", BODY, is_retry=True)
    assert found == "second"
