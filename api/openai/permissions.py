"""/v1/fine_tuning/checkpoints/{model}/permissions: which projects may use a trained model."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.guard import CallerDep
from api.openai.paging import AfterPermission, Listed, Page
from api.openai.times import seconds
from api.views import View
from store import permissions, projects, trained_models
from store.permission_tables import CheckpointPermission

router = APIRouter(prefix="/v1/fine_tuning/checkpoints", tags=["openai"])


class NewPermissions(BaseModel):
    """Whom to share with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=255)]], Field(min_length=1, max_length=100)
    ]


class PermissionRead(Listed):
    """That a project may use a model."""

    object: Literal["checkpoint.permission"] = "checkpoint.permission"
    created_at: int
    project_id: str
    """Of who may."""

    @classmethod
    def of(cls, permission: CheckpointPermission) -> Self:
        """The view of a permission's row."""
        return cls(id=permission.id, created_at=seconds(permission.created_at), project_id=permission.grantee_id)


class PermissionDeleted(View):
    """What is left of a permission."""

    id: str
    object: Literal["checkpoint.permission"] = "checkpoint.permission"
    deleted: Literal[True] = True


@router.post("/{model:path}/permissions")
def create_permissions(model: str, asked: NewPermissions, caller: CallerDep) -> Page[PermissionRead]:
    """Let projects try this model, or this checkpoint, and train on it."""
    with caller.writing() as session:
        trained_models.find_own(session, model)
        for project_id in asked.project_ids:
            projects.get(session, project_id)
        found = permissions.add(session, model, asked.project_ids)
        return Page[PermissionRead].of([PermissionRead.of(one) for one in found], len(found))


@router.get("/{model:path}/permissions")
def list_permissions(
    model: str,
    caller: CallerDep,
    project_id: Annotated[str | None, Query(max_length=255)] = None,
    after: AfterPermission = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    order: Literal["ascending", "descending"] = "descending",
) -> Page[PermissionRead]:
    """Who may use this model."""
    with caller.reading() as session:
        trained_models.find_own(session, model)
        found = permissions.page(
            session,
            model,
            grantee_id=project_id,
            after=after,
            limit=limit + 1,
            is_newest_first=order == "descending",
        )
        return Page[PermissionRead].of([PermissionRead.of(one) for one in found], limit)


@router.delete("/{model:path}/permissions/{permission_id}")
def delete_permission(model: str, permission_id: str, caller: CallerDep) -> PermissionDeleted:
    """Share no more; jobs that were submitted meanwhile go on."""
    with caller.writing() as session:
        permissions.remove(session, model, permission_id)
    return PermissionDeleted(id=permission_id)
