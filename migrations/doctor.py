"""`python -m migrations.doctor`: whether the database has the tables of this release, for the doctor."""

import os
from functools import partial

from alembic.script import ScriptDirectory

from migrations.__main__ import config
from store import backup
from store.doctor import connected
from trainer_core.contract.check import NotInOrder, examine, tell

_ADVICE = "Run `tuneyard admin upgrade`, or `python -m migrations`; `tuneyard up` does so itself"


def revision_of(url: str) -> str:
    """The revision of a database's tables.

    Raises:
        NotInOrder: There is no database, or it has no tables.
    """
    with connected(url) as engine, engine.connect() as connection:
        return backup.revision_of(connection)


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
        if found not in known:
            raise NotInOrder(f"revision {found}, which this release ({newest}) does not know", "Install the release")
        raise NotInOrder(f"revision {found}, and this release needs {newest}", _ADVICE)
    return f"revision {found}, the newest"


if __name__ == "__main__":
    tell([examine("tables", partial(look_at_revision, os.environ["TUNEYARD_DATABASE_URL"]), "Look at the database")])
