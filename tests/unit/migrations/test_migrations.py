"""The migrations and the tables say the same, on both databases."""

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from migrations.__main__ import config


@pytest.fixture(autouse=True)
def _at(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEYARD_DATABASE_URL", database_url)


def tables(url: str) -> list[str]:
    engine = create_engine(url)
    names = inspect(engine).get_table_names()
    engine.dispose()
    return names


def test_tables_and_migrations_agree() -> None:
    command.check(config())  # raises where a migration is missing


def test_every_migration_goes_down_again(database_url: str) -> None:
    command.downgrade(config(), "base")

    assert tables(database_url) == ["alembic_version"]


def test_down_and_up_again_leaves_the_same_tables(database_url: str) -> None:
    before = sorted(tables(database_url))

    command.downgrade(config(), "base")
    command.upgrade(config(), "head")

    assert sorted(tables(database_url)) == before


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory.from_config(config()).get_heads()) == 1
