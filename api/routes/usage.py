"""/usage: what a project has and has used."""

from fastapi import APIRouter

from api.guard import CallerDep
from api.tenants import UsageRead
from store import quotas

router = APIRouter(prefix="/usage", tags=["usage"])


@router.get("")
def read_usage(caller: CallerDep) -> UsageRead:
    """Jobs, GPU hours and storage of the caller's project, beside its limits."""
    with caller.reading() as session:
        return UsageRead.model_validate(quotas.usage(session, caller.project_id))
