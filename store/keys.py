"""Keys that open the service. Only a key's digest is kept: whoever reads the database cannot use one.

A key is `ty_<id>_<secret>`: the id finds its row, the digest of the whole proves it. Its secret has 256 random bits, so
that a plain SHA-256 is as good as a slow one.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from store.clock import from_now
from store.database import touched
from store.project_tables import ApiKey
from store.scopes import Scope

PREFIX = "ty"
_ID_BYTES = 5
_SECRET_BYTES = 32
_USE_IS_NOTED_EVERY = timedelta(hours=1)
_NOBODY = hashlib.sha256(b"").hexdigest()
"""Compared with where there is no row, so that an unknown id takes as long as a wrong secret."""


class KeyNotFound(Exception):
    """No key has this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no key has the id {key_id!r}")


@dataclass(frozen=True)
class Bearer:
    """Whoever a key belongs to."""

    key_id: str
    project_id: str
    scope: Scope
    is_use_unnoted: bool
    """True if it was last noted long ago that the key is used."""


def create(
    session: Session, *, project_id: str, name: str, scope: Scope, lives_seconds: float | None = None
) -> tuple[ApiKey, str]:
    """A new key's row, and the key itself, which nobody can tell again."""
    key_id = secrets.token_hex(_ID_BYTES)
    key = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    session.execute(
        insert(ApiKey).values(
            id=key_id,
            project_id=project_id,
            name=name,
            scope=scope,
            sha256=_digest(key),
            created_at=from_now(),
            expires_at=None if lives_seconds is None else from_now(lives_seconds),
        )
    )
    return get(session, key_id), key


def bearer(session: Session, key: str) -> Bearer | None:
    """Whoever the key belongs to; None if there is no such key, or it is not good any more."""
    key_id = key.split("_")[1] if key.startswith(f"{PREFIX}_") and key.count("_") > 1 else ""
    is_good = (ApiKey.revoked_at.is_(None), ApiKey.expires_at.is_(None) | (ApiKey.expires_at > from_now()))
    row = session.execute(select(ApiKey, from_now().label("now")).where(ApiKey.id == key_id, *is_good)).one_or_none()
    is_right = secrets.compare_digest(row.ApiKey.sha256 if row else _NOBODY, _digest(key))
    if row is None or not is_right:
        return None
    found: ApiKey = row.ApiKey
    is_unnoted = found.last_used_at is None or found.last_used_at < row.now - _USE_IS_NOTED_EVERY
    return Bearer(found.id, found.project_id, Scope(found.scope), is_unnoted)


def note_use(session: Session, key_id: str) -> None:
    """Note that a key is used."""
    session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=from_now()))


def get(session: Session, key_id: str) -> ApiKey:
    """The row of a key.

    Raises:
        KeyNotFound: There is none.
    """
    key = session.get(ApiKey, key_id, populate_existing=True)
    if key is None:
        raise KeyNotFound(key_id)
    return key


def every(session: Session) -> Sequence[ApiKey]:
    """All keys, the oldest first; revoked ones too."""
    return session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)).all()


def revoke(session: Session, key_id: str) -> ApiKey:
    """Have a key open nothing from now on; revoking twice changes nothing.

    Raises:
        KeyNotFound: There is none.
    """
    is_good = (ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
    touched(session, update(ApiKey).where(*is_good).values(revoked_at=from_now()))
    return get(session, key_id)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
