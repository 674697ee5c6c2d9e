"""Requests that are sent again: how a client says so, and that they make nothing new. See `store/submissions.py`."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header
from sqlalchemy.orm import Session

from store import submissions

_Key = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[ -~]*$",
        description="Any name for this request: sending it again under this name makes nothing new",
    ),
]


@dataclass(frozen=True)
class Repeat:
    """What a request says about itself."""

    key: str | None
    """A name that its client has given it."""
    is_retry: bool
    """Whether it was sent before."""

    def made_before(self, session: Session, what: str, body_sha256: str) -> str | None:
        """Id of what this request has made before, if it has.

        Raises:
            KeyReused: Its key came with another body.
        """
        return submissions.made_before(session, self.key, what, body_sha256, is_retry=self.is_retry)

    def keep(
        self, session: Session, what: str, body_sha256: str, answer_id: str, *, replaces: str | None = None
    ) -> None:
        """Keep what it has made, in the place of what it had made before if that is gone.

        Raises:
            KeyTaken: Another one was faster; nothing must be committed.
        """
        submissions.keep(session, self.key, what, body_sha256, answer_id, is_retry=self.is_retry, replaces=replaces)


def _repeat(
    idempotency_key: _Key = None,
    x_stainless_retry_count: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Repeat:
    return Repeat(idempotency_key, x_stainless_retry_count not in (None, "", "0"))


def _named(idempotency_key: _Key = None) -> Repeat | None:
    return None if idempotency_key is None else Repeat(idempotency_key, is_retry=False)


RepeatDep = Annotated[Repeat, Depends(_repeat)]
"""Of whoever may send no key, but counts tries: OpenAI's clients."""
NamedDep = Annotated[Repeat | None, Depends(_named)]
"""Where a key alone tells: without one, the same body once more is another request, whatever its client counts."""
