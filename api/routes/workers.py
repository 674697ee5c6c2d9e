"""/workers: who carries out jobs, with what, and which."""

from collections.abc import Sequence
from datetime import datetime

from fastapi import APIRouter

from api.guard import Caller, CallerDep
from api.service_views import GpuRead, OccupiedRead, WorkerList, WorkerRead
from store import drains, workers
from store.tables import Worker
from store.workers import Running

router = APIRouter(prefix="/workers", tags=["workers"])


@router.get("")
def list_workers(caller: CallerDep) -> WorkerList:
    """Workers seen in the last half minute, with their slots, memory and GPUs, and what they carry out.

    Of another project's jobs it is told that they are there, and not which they are.
    """
    with caller.reading() as session:
        running, since = workers.running(session), drains.since(session)
        alive = workers.alive(session)
        return WorkerList(data=[_view(one, since(one.name), running.get(one.name, ()), caller) for one in alive])


def _view(worker: Worker, draining_since: datetime | None, running: Sequence[Running], caller: Caller) -> WorkerRead:
    return WorkerRead(
        name=worker.name,
        num_slots=worker.num_slots,
        memory_bytes=worker.memory_bytes,
        gpus=tuple(GpuRead.model_validate(gpu) for gpu in worker.gpus),
        started_at=worker.started_at,
        last_seen_at=worker.last_seen_at,
        draining_since=draining_since,
        running=tuple(
            OccupiedRead(
                job_id=one.job_id if one.project_id == caller.project_id else None,
                slots=one.slots,
                started_at=one.started_at,
            )
            for one in running
        ),
    )
