"""/drains: which workers are to take nothing new. For operators."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.guard import CallerDep, operators_only
from api.operations import DrainList, DrainRead, StandingRead
from store import drains
from store.doorbell import Bell

router = APIRouter(prefix="/drains", tags=["operators"], dependencies=[Depends(operators_only)])


@router.get("")
def list_drains(caller: CallerDep) -> DrainList:
    """What is asked for, and how far each worker has come."""
    with caller.reading_all() as session:
        return DrainList(
            data=[DrainRead.model_validate(one) for one in drains.every(session)],
            workers=[StandingRead.model_validate(one) for one in drains.standings(session)],
        )


@router.put("/{worker:path}")
def drain_worker(
    worker: str,
    caller: CallerDep,
    gives_back: Annotated[bool, Query(description="Running jobs save and go back to the queue; else they end")] = False,  # noqa: FBT002
) -> DrainList:
    """Have a worker take nothing new, by its name; `*` stands for all, those that are still to come too."""
    with caller.writing_all() as session:
        drains.ask(session, worker, gives_back=gives_back)
    return list_drains(caller)


@router.delete("/{worker:path}", status_code=HTTPStatus.NO_CONTENT)
def resume_worker(worker: str, caller: CallerDep) -> None:
    """Have a worker take jobs again; `*` stands for all."""
    with caller.writing_all() as session:
        drains.withdraw(session, worker)
    for bell in Bell:
        caller.parts.doorbell.ring(bell)
