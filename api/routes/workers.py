"""/workers: who carries out jobs, and with what."""

from fastapi import APIRouter

from api.dependencies import PartsDep
from api.views import WorkerList, WorkerRead
from store import workers

router = APIRouter(prefix="/workers", tags=["workers"])


@router.get("")
def list_workers(parts: PartsDep) -> WorkerList:
    """Workers seen in the last half minute, with their slots, memory and GPUs."""
    with parts.database.reading() as session:
        return WorkerList(data=[WorkerRead.model_validate(worker) for worker in workers.alive(session)])
