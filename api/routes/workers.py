"""/workers: who carries out jobs, and with what."""

from fastapi import APIRouter

from api.guard import CallerDep
from api.views import WorkerList, WorkerRead
from store import workers

router = APIRouter(prefix="/workers", tags=["workers"])


@router.get("")
def list_workers(caller: CallerDep) -> WorkerList:
    """Workers seen in the last half minute, with their slots, memory and GPUs."""
    with caller.reading() as session:
        return WorkerList(data=[WorkerRead.model_validate(worker) for worker in workers.alive(session)])
