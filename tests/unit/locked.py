"""Waiting until one transaction waits for another, on PostgreSQL."""

import time

from sqlalchemy import text

from store.database import Database


def wait_for_lock(database: Database) -> None:
    """Return once somebody waits for somebody else's transaction."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with database.reading() as session:
            if session.execute(waiting).scalar_one():
                return
    raise TimeoutError
