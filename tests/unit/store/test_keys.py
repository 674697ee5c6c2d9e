"""Keys: made once, told once, good until they expire or are revoked."""

import hashlib

import pytest
from sqlalchemy import select

from store import keys
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.keys import KeyNotFound
from store.project_tables import ApiKey
from store.scopes import Scope


def make(database: Database, scope: Scope = Scope.READ, lives_seconds: float | None = None) -> str:
    with database.writing() as session:
        _, key = keys.create(session, project_id=DEFAULT_PROJECT, name="k", scope=scope, lives_seconds=lives_seconds)
    return key


def bearer(database: Database, key: str) -> keys.Bearer | None:
    with database.reading() as session:
        return keys.bearer(session, key)


def test_a_key_tells_whose_it_is_and_what_it_may(database: Database) -> None:
    found = bearer(database, make(database, Scope.SUBMIT))

    assert found is not None
    assert (found.project_id, found.scope) == (DEFAULT_PROJECT, Scope.SUBMIT)


def test_the_database_keeps_no_secret(database: Database) -> None:
    key = make(database)

    with database.reading() as session:
        row = session.scalars(select(ApiKey)).one()
    kept = [str(getattr(row, column.name)) for column in ApiKey.__table__.columns]
    assert hashlib.sha256(key.encode()).hexdigest() in kept
    assert not any(key.split("_", 2)[2] in value for value in kept)


@pytest.mark.parametrize("spoil", ["{}x", "x{}", "", "ty__", "ty_", "_", "ty_0123456789_secret", "{}\N{SNOWMAN}"])
def test_what_is_no_key_opens_nothing(database: Database, spoil: str) -> None:
    assert bearer(database, spoil.format(make(database))) is None


def test_an_expired_key_opens_nothing(database: Database) -> None:
    assert bearer(database, make(database, lives_seconds=-1)) is None
    assert bearer(database, make(database, lives_seconds=60)) is not None


def test_a_revoked_key_opens_nothing(database: Database) -> None:
    key = make(database)

    with database.writing() as session:
        keys.revoke(session, key.split("_")[1])

    assert bearer(database, key) is None


def test_a_key_that_is_not_there_cannot_be_revoked(database: Database) -> None:
    with database.writing() as session, pytest.raises(KeyNotFound):
        keys.revoke(session, "0123456789")


def test_use_is_noted_once_an_hour(database: Database) -> None:
    key = make(database)
    first = bearer(database, key)
    assert first is not None

    with database.writing() as session:
        keys.note_use(session, first.key_id)

    again = bearer(database, key)
    assert again is not None
    assert (first.is_use_unnoted, again.is_use_unnoted) == (True, False)


@pytest.mark.parametrize(
    ("scope", "may"),
    [(Scope.READ, [True, False, False]), (Scope.SUBMIT, [True, True, False]), (Scope.ADMIN, [True] * 3)],
)
def test_each_scope_includes_those_below(scope: Scope, may: list[bool]) -> None:
    assert [scope.includes(other) for other in Scope] == may
