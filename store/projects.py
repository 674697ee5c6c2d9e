"""Projects: who owns files, jobs and keys."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from store import ids
from store.clock import from_now
from store.project_tables import Project


class ProjectNotFound(Exception):
    """No project has this id."""

    def __init__(self, project_id: str) -> None:
        super().__init__(f"no project has the id {project_id!r}")


def add(session: Session, name: str, **limits: Any) -> Project:
    """A new project, without limits but those given."""
    project_id = ids.project_id()
    session.execute(insert(Project).values(id=project_id, name=name, created_at=from_now(), **limits))
    return get(session, project_id)


def get(session: Session, project_id: str) -> Project:
    """The project with this id.

    Raises:
        ProjectNotFound: There is none.
    """
    project = session.get(Project, project_id, populate_existing=True)
    if project is None:
        raise ProjectNotFound(project_id)
    return project


def hold(session: Session, project_id: str) -> None:
    """Have others who hold the project wait until the commit: what was counted or looked for stays true till then."""
    # Rows that only point to the project, as its used hours do, are written meanwhile.
    session.execute(select(Project.id).where(Project.id == project_id).with_for_update(key_share=True))


def every(session: Session) -> Sequence[Project]:
    """All projects, the oldest first."""
    return session.scalars(select(Project).order_by(Project.created_at, Project.id)).all()


def change(session: Session, project_id: str, **values: Any) -> Project:
    """Rename a project, or give it other limits.

    Raises:
        ProjectNotFound: There is none with this id.
    """
    if values:
        session.execute(update(Project).where(Project.id == project_id).values(**values))
    return get(session, project_id)
