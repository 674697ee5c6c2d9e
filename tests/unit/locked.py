"""Waiting until one transaction waits for another, on PostgreSQL."""

from sqlalchemy import text

from store.database import Database
from tests.patience import until


def wait_for_lock(database: Database) -> None:
    """Return once somebody waits for somebody else's transaction."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    def is_seen() -> bool:
        with database.reading() as session:
            return bool(session.execute(waiting).scalar_one())

    until(is_seen)
