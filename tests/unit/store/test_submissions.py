"""Requests that are sent again, under a key of their client's or as they are."""

import pytest
from sqlalchemy import func, select, update

from store import submissions
from store.clock import from_now
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.file_tables import Submission
from store.submissions import KeyReused, KeyTaken

WHAT = "thing"
BODY = "0" * 64


def keep(database: Database, answer_id: str, key: str | None = "k", replaces: str | None = None) -> None:
    with database.writing(DEFAULT_PROJECT) as session:
        submissions.keep(session, key, WHAT, BODY, answer_id, is_retry=False, replaces=replaces)


def made(database: Database, key: str | None = "k") -> str | None:
    with database.writing(DEFAULT_PROJECT) as session:
        return submissions.made_before(session, key, WHAT, BODY, is_retry=True)


def age(database: Database, hours: int) -> None:
    with database.writing() as session:
        session.execute(update(Submission).values(created_at=from_now(-hours * 3600)))


def test_a_key_that_nobody_sent_leads_nowhere(database: Database) -> None:
    keep(database, "a")

    assert made(database, "another") is None


def test_a_key_with_another_body_is_refused_with_what_it_made(database: Database) -> None:
    keep(database, "a")

    with database.reading() as session, pytest.raises(KeyReused, match="which became thing a;"):
        submissions.made_before(session, "k", WHAT, "1" * 64, is_retry=False)


def test_a_key_is_one_of_those_that_make_the_same_kind_of_thing(database: Database) -> None:
    keep(database, "a")

    with database.reading() as session:
        assert submissions.made_before(session, "k", "something else", BODY, is_retry=False) is None


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
    age(database, hours=73)
    assert made(database) is None

    keep(database, "b")

    assert made(database) == "b"


@pytest.mark.parametrize(("hours", "num_left"), [(71, 1), (73, 0)])
def test_requests_are_kept_for_three_days(database: Database, hours: int, num_left: int) -> None:
    keep(database, "a")
    age(database, hours)

    with database.writing() as session:
        submissions.forget_old(session)

    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Submission)) == num_left
