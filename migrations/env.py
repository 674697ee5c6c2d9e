"""What Alembic runs: it brings the database at `TUNEYARD_DATABASE_URL` to a revision of `store.tables`."""

from alembic import context
from pydantic import ValidationError
from sqlalchemy import Connection, func, select

import store.drain_tables
import store.file_tables
import store.permission_tables
import store.project_tables
import store.tracking_tables
import store.webhook_tables  # noqa: F401 - their tables join the others
from store.database import make_engine
from store.settings import DatabaseSettings
from store.tables import Job

_TURN = 0x74756E65
"""Any number that no other program takes a lock by: «tune»."""


def _migrate() -> None:
    engine = make_engine(_url()).execution_options(writes=True)
    with engine.connect() as connection:
        _take_turn(connection)
        context.configure(
            connection=connection,
            target_metadata=Job.metadata,
            render_as_batch=True,  # SQLite alters a table by making it anew
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


def _take_turn(connection: Connection) -> None:
    """Wait until no other process migrates, where several may: its lock ends with its connection."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_lock(_TURN)))
        connection.commit()


def _url() -> str:
    try:
        return DatabaseSettings().database_url
    except ValidationError as error:
        example = "sqlite:////var/lib/tuneyard/tuneyard.db"
        raise SystemExit(f"TUNEYARD_DATABASE_URL is not set; example: {example}") from error


_migrate()
