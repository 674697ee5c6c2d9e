"""`python -m migrations.doctor`: whether the database has the tables of this release, for the doctor."""

import os
from functools import partial

from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from migrations.__main__ import config
from store.doctor import connected
from trainer_core.contract.check import NotInOrder, examine, tell

_ADVICE = "Run `tuneyard admin upgrade`, or `python -m migrations`; `tuneyard up` does so itself"


def revision_of(url: str) -> str | None:
    """The revision that a database has; None if it has no tables."""
    with connected(url) as engine, engine.connect() as connection:
        if "alembic_version" not in inspect(connection).get_table_names():
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def head() -> str:
    """The newest revision of this release."""
    newest = ScriptDirectory.from_config(config()).get_current_head()
    assert newest is not None
    return newest


def look_at_revision(url: str) -> str:
    """The database has the newest revision of this release."""
    found, newest = revision_of(url), head()
    if found != newest:
        known = {one.revision for one in ScriptDirectory.from_config(config()).walk_revisions()}
        if found is not None and found not in known:
            raise NotInOrder(f"revision {found}, which this release ({newest}) does not know", "Install the release")
        raise NotInOrder(f"revision {found or 'none'}, and this release needs {newest}", _ADVICE)
    return f"revision {found}, the newest"


if __name__ == "__main__":
    tell([examine("tables", partial(look_at_revision, os.environ["TUNEYARD_DATABASE_URL"]), "Look at the database")])
