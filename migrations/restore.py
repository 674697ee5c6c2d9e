"""`python -m migrations.restore FILE`: make the records of a backup in an empty database, and bring them to date."""

import argparse
import os
import sys
from pathlib import Path

from alembic import command
from alembic.util import CommandError
from sqlalchemy import inspect

from migrations.__main__ import config
from store import backup
from store.backup import Manifest, NotABackup, NotEmpty
from store.database import make_engine


def restore(url: str, path: Path) -> Manifest:
    """Make the tables of the backup's revision, put its rows into them, then bring them to the newest revision.

    The environment names the same database.

    Raises:
        NotEmpty: There are rows already; nothing was changed.
        NotABackup: The file is none, or damaged, or of a later release.
    """
    manifest = backup.read_manifest(path)
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            has_tables = bool(inspect(connection).get_table_names())
            backup.demand_empty(connection)
        if has_tables:
            command.downgrade(config(), "base")
        _make_tables(path, manifest.revision)
        backup.load(engine, path)
    finally:
        engine.dispose()
    command.upgrade(config(), "head")
    return manifest


def _make_tables(path: Path, revision: str) -> None:
    try:
        command.upgrade(config(), revision)
    except CommandError as error:
        raise NotABackup(f"{path} has revision {revision}, which this release does not know") from error


def main() -> int:
    """Restore what the command line names into what the environment names."""
    parser = argparse.ArgumentParser(prog="python -m migrations.restore", description=__doc__)
    parser.add_argument("path", type=Path, help="a backup")
    asked = parser.parse_args()
    try:
        manifest = restore(os.environ["TUNEYARD_DATABASE_URL"], asked.path)
    except (NotEmpty, NotABackup) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    num_rows = sum(one.num_rows for one in manifest.tables.values())
    sys.stdout.write(f"{num_rows} rows of {len(manifest.tables)} tables are there again, every one verified\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
