"""What tests spare engines, of which each has its own: to wait for disks, and to compile what others have compiled."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event
from sqlalchemy.pool import Pool

from store import database


@contextmanager
def hurried() -> Iterator[None]:
    """Until it ends, engines of one kind share what they compile, and SQLite waits for no disk."""
    dialects: dict[str, Dialect] = {}
    compiled: dict[Any, Any] = {}

    def make(url: str | URL, **how: Any) -> Engine:
        engine = create_engine(url, **how)
        engine.update_execution_options(compiled_cache=compiled)  # whose keys name the dialect
        event.listen(engine, "engine_connect", share)
        return engine

    def share(connection: Connection) -> None:
        connection.dialect = dialects.setdefault(connection.dialect.name, connection.dialect)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "create_engine", make)
        event.listen(Pool, "checkout", _wait_for_no_disk)
        yield
        event.remove(Pool, "checkout", _wait_for_no_disk)


def _wait_for_no_disk(connection: Any, *_: object) -> None:
    """The power stays on while tests run."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")
