"""Who asks, and whether they may: one dependency that stands before every route but those that anybody may read.

A handler gets its `Caller`, whose sessions see one project's rows alone. What a request needs follows from its method;
routers for operators ask for more with `operators_only`. A key comes in a header, or, from browsers that have
signed in, in a cookie.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from api import cookies
from api.dependencies import Parts, PartsDep
from api.origins import demand_ours, refuse_others
from store import keys, projects
from store.columns import DEFAULT_PROJECT
from store.keys import Bearer
from store.scopes import Scope
from telemetry.about import note

_READING = frozenset({"GET", "HEAD"})
_SCHEME = HTTPBearer(auto_error=False, description="A key of this service: `Authorization: Bearer ty_…`")


class KeyMissing(Exception):
    """No key was sent."""

    def __init__(self) -> None:
        super().__init__("send a key of this service: Authorization: Bearer ty_…")


class KeyInvalid(Exception):
    """The key opens nothing."""

    def __init__(self) -> None:
        super().__init__("there is no such key, or it has expired or been revoked; ask whoever runs this service")


class ScopeTooSmall(Exception):
    """The key may not do this."""

    def __init__(self, scope: Scope, needed: Scope) -> None:
        super().__init__(f"this needs a key with the scope {needed}; the scope of this one is {scope}")


@dataclass(frozen=True)
class Caller:
    """Whoever asks, in the project that they act for."""

    parts: Parts
    project_id: str
    scope: Scope
    key_id: str | None
    """None where keys are not asked for."""

    def reading(self) -> AbstractContextManager[Session]:
        """A session that sees the project's rows alone."""
        return self.parts.database.reading(self.project_id)

    def writing(self) -> AbstractContextManager[Session]:
        """A session that sees and changes the project's rows alone."""
        return self.parts.database.writing(self.project_id)

    def reading_all(self) -> AbstractContextManager[Session]:
        """A session that sees the rows of every project: for operators alone."""
        assert self.scope == Scope.ADMIN
        return self.parts.database.reading()

    def writing_all(self) -> AbstractContextManager[Session]:
        """A session that sees and changes the rows of every project: for operators alone."""
        assert self.scope == Scope.ADMIN
        return self.parts.database.writing()


def caller(
    request: Request,
    parts: PartsDep,
    sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_SCHEME)],
    tuneyard_project: Annotated[
        str | None, Header(description="Id of the project to act for; heard from admin keys only")
    ] = None,
) -> Caller:
    """Whoever asks.

    Raises:
        KeyMissing, KeyInvalid, TooManyTries: They have not said who they are.
        CrossSite: A page of somebody else's asks in their name.
        ScopeTooSmall: They may not do this.
    """
    found = _caller(request, parts, sent, tuneyard_project)
    note(project_id=found.project_id, key_id=found.key_id, job_id=request.path_params.get("job_id"))
    return found


def _caller(
    request: Request, parts: Parts, sent: HTTPAuthorizationCredentials | None, tuneyard_project: str | None
) -> Caller:
    if not parts.settings.require_keys:
        refuse_others(request)
        return _acting_for(tuneyard_project, Caller(parts, DEFAULT_PROJECT, Scope.ADMIN, None))
    found = bearer_of(request, parts, sent.credentials if sent else _carried(request))
    needed = Scope.READ if request.method in _READING else Scope.SUBMIT
    known = Caller(parts, found.project_id, found.scope, found.key_id)
    _demand(known, needed)
    return _acting_for(tuneyard_project, known)


CallerDep = Annotated[Caller, Depends(caller)]


def operators_only(caller: CallerDep) -> None:
    """Let nobody pass without an admin key."""
    _demand(caller, Scope.ADMIN)


def members_of_the_first_project(caller: CallerDep) -> None:
    """Let nobody pass but keys of the project that an operator has begun with, and admin keys."""
    if caller.project_id != DEFAULT_PROJECT:
        _demand(caller, Scope.ADMIN)


def bearer_of(request: Request, parts: Parts, key: str) -> Bearer:
    """Whoever a key that a request has brought belongs to.

    Raises:
        KeyInvalid, TooManyTries: To nobody.
    """
    with parts.database.reading() as session:
        found = keys.bearer(session, key)
    if found is None:
        parts.meters.wrong_keys.inc()
        parts.tries.count(request.client.host if request.client else "")
        raise KeyInvalid
    if found.is_use_unnoted:
        with parts.database.writing() as session:
            keys.note_use(session, found.key_id)
    return found


def _carried(request: Request) -> str:
    """The key in a browser's cookie."""
    key = cookies.key_in(request)
    if key is None:
        raise KeyMissing
    demand_ours(request)
    return key


def _demand(caller: Caller, needed: Scope) -> None:
    if not caller.scope.includes(needed):
        raise ScopeTooSmall(caller.scope, needed)


def _acting_for(project_id: str | None, caller: Caller) -> Caller:
    if project_id is None or caller.scope != Scope.ADMIN:
        return caller
    with caller.parts.database.reading() as session:
        return Caller(caller.parts, projects.get(session, project_id).id, caller.scope, caller.key_id)
