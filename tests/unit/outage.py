"""A PostgreSQL that answers nobody for a while: every connection breaks, and none is made."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError


@contextmanager
def outage(database_url: str) -> Iterator[None]:
    """Take a database away, and give it back."""
    url = make_url(database_url)
    name = str(url.database)
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        _end_all(connection, name)
        while not _is_deserted(connection, name):
            _end_all(connection, name)
        yield
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    engine.dispose()


def _end_all(connection: Connection, name: str) -> None:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
    connection.execute(text(end), {"name": name})


def _is_deserted(connection: Connection, name: str) -> bool:
    """True if nobody is connected; whoever was on the way in when that was forbidden was not listed yet.

    A database can be renamed, and is locked for that, while nobody is.
    """
    try:
        connection.execute(text(f"ALTER DATABASE {name} RENAME TO {name}_away"))
    except OperationalError:
        return False
    connection.execute(text(f"ALTER DATABASE {name}_away RENAME TO {name}"))
    return True
