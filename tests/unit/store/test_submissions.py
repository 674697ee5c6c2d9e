"""Requests that are sent again, under a key of their client's or as they are."""

import pytest
from sqlalchemy import update

from store import submissions
from store.clock import from_now
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.file_tables import Submission
from store.idempotency import KeyTaken

WHAT = "thing"
BODY = "0" * 64


def keep(database: Database, answer_id: str, key: str | None = "k", replaces: str | None = None) -> None:
    with database.writing(DEFAULT_PROJECT) as session:
        submissions.keep(session, key, WHAT, BODY, answer_id, is_retry=False, replaces=replaces)


def made(database: Database, key: str | None = "k") -> str | None:
    with database.writing(DEFAULT_PROJECT) as session:
        return submissions.made_before(session, key, WHAT, BODY, is_retry=True)


def test_what_was_kept_under_a_key_is_not_overwritten(database: Database) -> None:
    keep(database, "a")

    with pytest.raises(KeyTaken):
        keep(database, "b")

    assert made(database) == "a"


def test_only_what_is_gone_is_replaced(database: Database) -> None:
    keep(database, "a")
    keep(database, "b", replaces="a")

    with pytest.raises(KeyTaken):
        keep(database, "c", replaces="a")

    assert made(database) == "b"


def test_a_key_that_is_too_old_to_be_found_is_free(database: Database) -> None:
    keep(database, "a")
    with database.writing() as session:
        session.execute(update(Submission).values(created_at=from_now(-73 * 3600)))
    assert made(database) is None

    keep(database, "b")

    assert made(database) == "b"
