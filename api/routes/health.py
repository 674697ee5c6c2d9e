"""/healthz and /readyz: for people, load balancers and container engines."""

from http import HTTPStatus

from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from api.dependencies import Parts, PartsDep
from api.service_views import Readiness
from store import workers

router = APIRouter(tags=["health"])


@router.get("/healthz")
def is_alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"model": Readiness}})
def is_ready(parts: PartsDep, response: Response) -> Readiness:
    """Database and storage answer; how many workers are there is told, but jobs are taken without one as well."""
    num_workers = _count_workers(parts)
    readiness = Readiness(
        database=num_workers is not None, storage=parts.storage.is_ready(), num_workers=num_workers or 0
    )
    if not (readiness.database and readiness.storage):
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return readiness


def _count_workers(parts: Parts) -> int | None:
    try:
        with parts.database.reading() as session:
            return len(workers.alive(session))
    except SQLAlchemyError:  # whatever it is, the answer is that the database is not ready
        return None
