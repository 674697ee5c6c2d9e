"""Sharing trained models with other projects."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from store import ids, projects
from store.clock import from_now
from store.database import ACROSS_PROJECTS, owner
from store.permission_tables import CheckpointPermission


class PermissionNotFound(Exception):
    """The model has no such permission."""

    def __init__(self, permission_id: str) -> None:
        super().__init__(f"there is no permission {permission_id!r} of this model")


def add(session: Session, model: str, project_ids: Sequence[str]) -> Sequence[CheckpointPermission]:
    """Let projects use a model of the session's project; those that may already are left as they are."""
    projects.hold(session, owner(session))
    known = {one.grantee_id: one for one in page(session, model, limit=None)}
    for project_id in dict.fromkeys(project_ids):
        if project_id not in known:
            row = {"id": ids.permission_id(), "model": model, "grantee_id": project_id, "created_at": from_now()}
            session.execute(insert(CheckpointPermission).values(project_id=owner(session), **row))
    found = {one.grantee_id: one for one in page(session, model, limit=None)}
    return [found[project_id] for project_id in dict.fromkeys(project_ids)]


def page(
    session: Session,
    model: str,
    *,
    grantee_id: str | None = None,
    after: str | None = None,
    limit: int | None,
    is_newest_first: bool = True,
) -> Sequence[CheckpointPermission]:
    """The permissions of a model, by age."""
    order = CheckpointPermission.id.desc() if is_newest_first else CheckpointPermission.id
    statement = select(CheckpointPermission).where(CheckpointPermission.model == model).order_by(order).limit(limit)
    if grantee_id is not None:
        statement = statement.where(CheckpointPermission.grantee_id == grantee_id)
    if after is not None:
        behind = CheckpointPermission.id < after if is_newest_first else CheckpointPermission.id > after
        statement = statement.where(behind)
    return session.scalars(statement).all()


def remove(session: Session, model: str, permission_id: str) -> None:
    """Take a permission back; jobs that were submitted under it go on.

    Raises:
        PermissionNotFound: The model has none with this id.
    """
    of_model = (CheckpointPermission.id == permission_id, CheckpointPermission.model == model)
    found = session.scalar(select(CheckpointPermission).where(*of_model))
    if found is None:
        raise PermissionNotFound(permission_id)
    session.delete(found)
    session.flush()


def forget(session: Session, project_id: str, model: str) -> None:
    """Take back all permissions of a project's model and of its checkpoints, whose names begin with the model's."""
    of_model = (
        CheckpointPermission.project_id == project_id,
        CheckpointPermission.model.startswith(model, autoescape=True),
    )
    session.execute(delete(CheckpointPermission).where(*of_model))


def may_use(session: Session, model: str) -> bool:
    """Whether another project lets the session's project use a model."""
    granted = (CheckpointPermission.grantee_id == owner(session), CheckpointPermission.model == model)
    statement = select(CheckpointPermission.id).where(*granted).limit(1)
    return session.scalar(statement, execution_options={ACROSS_PROJECTS: True}) is not None
