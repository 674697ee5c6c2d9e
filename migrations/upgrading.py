"""`python -m migrations.upgrading`: back up the records, bring the tables to date, and look whether all is in order."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.util import CommandError
from sqlalchemy import Engine, text

from migrations.__main__ import config
from migrations.doctor import head
from store import backup
from store.doctor import connected
from trainer_core.contract.check import NotInOrder

_RUNNING = "SELECT count(*) FROM jobs WHERE status = 'running'"
"""In every revision."""


class JobsRunning(Exception):
    """Runners of the release before would write into tables that are being changed."""

    def __init__(self, num_jobs: int) -> None:
        super().__init__(
            f"{num_jobs} jobs are running; drain the workers first (tuneyard admin drain --give-back --wait) and stop "
            "them; nothing was changed"
        )


def upgrade(url: str, folder: Path, say: Callable[[str], None]) -> None:
    """Bring the tables to the newest revision, with a backup in `folder` before.

    The environment names the same database.

    Raises:
        NotInOrder: There is no database, or what is there afterwards is not in order.
        JobsRunning: Nothing was changed.
        CommandError: The database is of a later release.
    """
    with connected(url) as engine:
        before = _revision(engine)
        if before == head():
            say(f"The tables have the newest revision, {before}: there is nothing to do")
            return
        path = folder / f"tuneyard-{before}-{_moment(engine)}.zip"
        backup.write(engine, path)
        say(f"The records are backed up in {path}")
    command.upgrade(config(), "head")
    say(f"The tables were brought from revision {before} to {head()}")
    with connected(url) as engine:
        _look(engine)
    say("They are what this release needs")


def _revision(engine: Engine) -> str:
    with engine.connect() as connection:
        revision = backup.revision_of(connection)
        if num_running := connection.execute(text(_RUNNING)).scalar_one():
            raise JobsRunning(num_running)
    return revision


def _moment(engine: Engine) -> str:
    with engine.connect() as connection:
        return (
            str(connection.execute(text("SELECT CURRENT_TIMESTAMP")).scalar_one())[:19]
            .replace(" ", "-")
            .replace(":", "")
        )


def _look(engine: Engine) -> None:
    command.check(config())
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        found = connection.execute(text("PRAGMA integrity_check")).scalar_one()
        dangling = connection.execute(text("PRAGMA foreign_key_check")).all()
    if found != "ok" or dangling:
        raise NotInOrder(f"SQLite finds {found}, and {len(dangling)} rows that point nowhere", "Restore the backup")


def main() -> int:
    """Upgrade the database that the environment names."""
    parser = argparse.ArgumentParser(prog="python -m migrations.upgrading", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder for the backup")
    asked = parser.parse_args()
    try:
        upgrade(os.environ["TUNEYARD_DATABASE_URL"], asked.folder, print)
    except (NotInOrder, JobsRunning, CommandError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
