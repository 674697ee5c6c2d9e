"""What requests have made, so that one that is sent again makes nothing new.

Clients name a request by an `Idempotency-Key`, which no other that makes such a thing may have, in whichever view.
OpenAI's do not, but say that they have sent it before: such a retry finds what the same body has made in the last
minutes. Its first try may still be on its way, and come after it: then it finds what the retry has made. Two first
tries with the same body are two requests.

What is kept of a request stands in the transaction that makes the thing: there is never one without the other.
"""

import hashlib

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from store import projects
from store.clock import from_now
from store.database import owner, upserting
from store.file_tables import Submission

_KEPT_SECONDS = 72 * 3600.0
_RETRIED_SECONDS = 1800.0
"""How long a client tries: three times ten minutes."""
_LATE_SECONDS = 60.0
"""How much later than its retry a first try may come."""


class KeyTaken(Exception):
    """Another request with this key was faster; nothing of this one must be committed."""


class KeyReused(Exception):
    """The key belongs to a request with another body."""

    def __init__(self, key: str, what: str, answer_id: str) -> None:
        super().__init__(
            f"the Idempotency-Key {key!r} was sent with another body before, which became {what} {answer_id}; "
            f"to get that {what} again send its body unchanged, to submit another one use a new key"
        )


def name_of(key: str | None, what: str, body_sha256: str) -> str:
    """Under which a request is kept: by the client's key, else by its body."""
    if key is None:
        return f"body:{what}:{body_sha256}"
    return f"key:{what}:{hashlib.sha256(key.encode()).hexdigest()}"


def made_before(session: Session, key: str | None, what: str, body_sha256: str, *, is_retry: bool) -> str | None:
    """Id of what this request has made before; None if it is new.

    Args:
        session: Of the project that asks.
        key: Given by the client, if it gives any.
        what: Kind of thing that is made.
        body_sha256: Of what the request's body means.
        is_retry: Whether the client says that it has sent it before.

    Raises:
        KeyReused: The key came with another body.
    """
    if key is None:
        # A first try and its retry have no key that only one of them can keep: whichever comes second waits here until
        # the first is committed, and finds what it has made.
        projects.hold(session, owner(session))
    name = name_of(key, what, body_sha256)
    since = _KEPT_SECONDS if key is not None else _RETRIED_SECONDS if is_retry else _LATE_SECONDS
    of_name = (Submission.project_id == owner(session), Submission.name == name)
    found = session.scalar(select(Submission).where(*of_name, Submission.created_at > from_now(-since)))
    if found is None:
        return None
    if key is not None:
        if found.body_sha256 != body_sha256:
            raise KeyReused(key, what, found.answer_id)
        return found.answer_id
    if is_retry:
        return found.answer_id
    if not found.is_retry:
        return None
    # This is the first try of what a retry has made: the next one with this body is another request.
    session.execute(update(Submission).where(*of_name).values(is_retry=False))
    return found.answer_id


def keep(
    session: Session,
    key: str | None,
    what: str,
    body_sha256: str,
    answer_id: str,
    *,
    is_retry: bool,
    replaces: str | None = None,
) -> None:
    """Keep what a request has made.

    Args:
        replaces: Id of what it had made before, if that is gone.

    Raises:
        KeyTaken: Another request with this key, or another try of this one, was faster; nothing must be committed.
    """
    name = name_of(key, what, body_sha256)
    values = {
        "project_id": owner(session),
        "name": name,
        "body_sha256": body_sha256,
        "answer_id": answer_id,
        "is_retry": is_retry,
        "created_at": from_now(),
    }
    new = {column: values[column] for column in ("body_sha256", "answer_id", "is_retry", "created_at")}
    # What another request has kept under a key stays, unless it is gone or too old to be found.
    is_free = or_(Submission.answer_id == replaces, Submission.created_at <= from_now(-_KEPT_SECONDS))
    adding = upserting(session, Submission).values(**values)
    adding = adding.on_conflict_do_update(
        index_elements=("project_id", "name"), set_=new, where=None if key is None else is_free
    )
    if session.scalar(adding.returning(Submission.name)) is None:
        raise KeyTaken(name)


def forget_old(session: Session) -> None:
    """Delete what nobody sends again."""
    session.execute(delete(Submission).where(Submission.created_at < from_now(-_KEPT_SECONDS)))
