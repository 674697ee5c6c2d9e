"""/keys: who may use the service. For operators."""

from http import HTTPStatus

from fastapi import APIRouter, Depends

from api.guard import CallerDep, operators_only
from api.tenants import KeyAsked, KeyCreated, KeyList, KeyRead
from store import keys, projects

router = APIRouter(prefix="/keys", tags=["operators"], dependencies=[Depends(operators_only)])


@router.post("", status_code=HTTPStatus.CREATED)
def create_key(asked: KeyAsked, caller: CallerDep) -> KeyCreated:
    """Make a key. It is told in this answer and never again."""
    with caller.writing_all() as session:
        project = projects.get(session, asked.project_id)
        row, key = keys.create(
            session,
            project_id=project.id,
            name=asked.name,
            scope=asked.scope,
            lives_seconds=asked.expires_in_seconds,
        )
        return KeyCreated(**KeyRead.model_validate(row).model_dump(), key=key)


@router.get("")
def list_keys(caller: CallerDep) -> KeyList:
    """Every key without its secret, the oldest first."""
    with caller.reading_all() as session:
        return KeyList(data=[KeyRead.model_validate(row) for row in keys.every(session)])


@router.delete("/{key_id}")
def revoke_key(key_id: str, caller: CallerDep) -> KeyRead:
    """Have a key open nothing from now on."""
    with caller.writing_all() as session:
        return KeyRead.model_validate(keys.revoke(session, key_id))
