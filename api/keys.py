"""`python -m api.keys`: a key for whoever runs the service, made beside the database. Composition root.

With `--file`, the key lies there, readable by its owner only, and is made anew only if what lies there opens nothing;
without, it is printed, once.
"""

import argparse
import os
import sys
from pathlib import Path

from sqlalchemy.orm import Session

from api.settings import Settings
from store import keys, projects
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.projects import ProjectNotFound
from store.scopes import Scope


def main() -> int:
    """Make a key."""
    parser = argparse.ArgumentParser(prog="python -m api.keys", description=__doc__)
    parser.add_argument("--scope", choices=[scope.value for scope in Scope], default=Scope.ADMIN.value)
    parser.add_argument("--project", default=DEFAULT_PROJECT, help="id of the project that it belongs to")
    parser.add_argument("--name", default="first", help="what it is called in lists")
    parser.add_argument("--file", type=Path, help="where it is kept, instead of being printed")
    asked = parser.parse_args()
    database = Database(Settings().database_url)
    with database.writing() as session:
        if asked.file is not None and _opens(session, asked.file):
            return 0
        try:
            project = projects.get(session, asked.project)
        except ProjectNotFound as error:
            parser.error(str(error))
        _, key = keys.create(session, project_id=project.id, name=asked.name, scope=Scope(asked.scope))
        if asked.file is not None:
            _keep(asked.file, key)
    if asked.file is None:
        sys.stdout.write(f"{key}\n")
    return 0


def _opens(session: Session, path: Path) -> bool:
    return path.exists() and keys.bearer(session, path.read_text().strip()) is not None


def _keep(path: Path, key: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{key}\n")


if __name__ == "__main__":
    sys.exit(main())
