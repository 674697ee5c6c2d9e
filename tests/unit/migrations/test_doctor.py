"""What the doctor says of a database's tables."""

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from migrations import doctor
from migrations.__main__ import config
from store.database import Database
from trainer_core.contract.check import NotInOrder


def test_the_newest_revision_is_in_order(database_url: str) -> None:
    assert doctor.head() in doctor.look_at_revision(database_url)


def test_an_older_revision_is_a_failure(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEYARD_DATABASE_URL", database_url)
    command.downgrade(config(), "0011")

    with pytest.raises(NotInOrder, match=r"revision 0011, and this release needs"):
        doctor.look_at_revision(database_url)


def test_a_database_of_a_later_release_is_told_from_an_older_one(database: Database, database_url: str) -> None:
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(NotInOrder, match="does not know"):
        doctor.look_at_revision(database_url)


def test_a_database_without_tables_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()

    with pytest.raises(NotInOrder, match="no tables"):
        doctor.look_at_revision(f"sqlite:///{tmp_path}/empty.db")


def test_looking_makes_no_database(tmp_path: Path) -> None:
    with pytest.raises(NotInOrder, match="no file"):
        doctor.look_at_revision(f"sqlite:///{tmp_path}/none.db")

    assert list(tmp_path.iterdir()) == []
