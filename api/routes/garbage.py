"""/garbage: what can go from the storage. For operators."""

from fastapi import APIRouter, Depends

from api.guard import CallerDep, operators_only
from api.operations import GarbageList
from store import garbage

router = APIRouter(prefix="/garbage", tags=["operators"], dependencies=[Depends(operators_only)])


@router.get("")
def find_garbage(caller: CallerDep) -> GarbageList:
    """All that could be deleted now, up to a thousand things; nothing of it is needed by a job that has not ended."""
    return GarbageList.of(garbage.find(caller.parts.database, caller.parts.storage))


@router.delete("")
def collect_garbage(caller: CallerDep) -> GarbageList:
    """Delete it, up to a thousand things, and tell what was deleted; `has_more` says that more is left."""
    return GarbageList.of(garbage.collect(caller.parts.database, caller.parts.storage))
