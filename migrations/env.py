"""What Alembic runs: it brings the database at `TUNEYARD_DATABASE_URL` to a revision of `store.tables`."""

import os

from alembic import context

import store.file_tables
import store.permission_tables
import store.tracking_tables
import store.webhook_tables  # noqa: F401 - their tables join the others
from store.database import make_engine
from store.tables import Job


def _migrate() -> None:
    url = os.environ.get("TUNEYARD_DATABASE_URL")
    if url is None:
        raise SystemExit("TUNEYARD_DATABASE_URL is not set; example: sqlite:////var/lib/tuneyard/tuneyard.db")
    engine = make_engine(url).execution_options(writes=True)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Job.metadata,
            render_as_batch=True,  # SQLite alters a table by making it anew
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


_migrate()
