"""/session: signing a browser in. Programs need none: they send their key with each request."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from api import cookies
from api.dependencies import PartsDep
from api.guard import Caller, CallerDep, bearer_of
from api.origins import refuse_others
from api.tenants import Asked, SessionRead
from store import keys, projects

router = APIRouter(prefix="/session", tags=["session"])


class SignIn(Asked):
    """Who one is."""

    key: Annotated[str, Field(min_length=1, max_length=255)]
    """A key of this service: `ty_…`."""


@router.post("", dependencies=[Depends(refuse_others)])
def sign_in(asked: SignIn, request: Request, response: Response, parts: PartsDep) -> SessionRead:
    """Have the browser carry a key in a cookie that no script can read; it lasts for 30 days.

    With the cookie, what changes something is taken from pages of this service alone.
    """
    found = bearer_of(request, parts, asked.key)
    cookies.give(request, response, asked.key)
    response.headers["Cache-Control"] = "no-store"
    return _session(request, Caller(parts, found.project_id, found.scope, found.key_id))


@router.get("")
def read_session(request: Request, caller: CallerDep) -> SessionRead:
    """Who one is here."""
    return _session(request, caller)


@router.delete("", status_code=HTTPStatus.NO_CONTENT, dependencies=[Depends(refuse_others)])
def sign_out(request: Request, response: Response) -> None:
    """Have the browser forget the key; the key itself stays good."""
    cookies.take(request, response)


def _session(request: Request, caller: Caller) -> SessionRead:
    with caller.reading() as session:
        project = projects.get(session, caller.project_id)
        key = keys.get(session, caller.key_id) if caller.key_id else None
    return SessionRead(
        project_id=project.id,
        project_name=project.name,
        scope=caller.scope,
        key_name=key.name if key else None,
        key_expires_at=key.expires_at if key else None,
        requires_keys=caller.parts.settings.require_keys,
        version=request.app.version,
    )
