"""Chats that wait for their answers: asked, claimed by a worker, answered piece by piece.

As with inspections, a claim is a time until which nobody else begins, and a try is counted: only the newest writes. The
request and its answer meet here alone, so that neither API nor worker needs a way to the other. Rows are kept for
minutes.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Update, and_, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from store import ids
from store.clock import from_now
from store.database import owner, touched
from store.tables import Completion, CompletionText
from trainer_core.contract.chat import Answered, Chat, RefusalCode, Refused

MAX_ATTEMPTS = 2
"""Times that answering may break down."""
WANTED_SECONDS = 20
"""How long an answer is wanted after the last word of whoever asks."""
_KEPT_SECONDS = 300.0
_BROKEN = Refused(
    code=RefusalCode.BROKE_DOWN,
    message="answering broke down; try again, and read the worker's log if it happens again",
)
_TAKEN = Refused(code=RefusalCode.NO_FREE_SLOT, message="the worker needs the slot of this chat for a job, or stops")
_NONE_FREE = Refused(code=RefusalCode.NO_FREE_SLOT, message="jobs have every slot, or no worker is there")


@dataclass(frozen=True)
class Claim:
    """The right to answer, until its time has run out."""

    completion_id: str
    attempt: int
    project_id: str
    model: str
    chat: Chat


@dataclass(frozen=True)
class News:
    """What has come of an answer behind a place."""

    texts: tuple[str, ...]
    last_id: int
    outcome: Answered | Refused | None
    """None as long as more may come."""
    is_claimed: bool
    """True while a worker is at it."""


def ask(session: Session, model: str, chat: Chat, *, is_streamed: bool) -> str:
    """Ask for an answer; its id."""
    completion_id = ids.completion_id()
    session.execute(
        insert(Completion).values(
            id=completion_id,
            project_id=owner(session),
            model=model,
            chat=chat,
            is_streamed=is_streamed,
            attempt=0,
            claimed_until=from_now(),
            wanted_until=from_now(WANTED_SECONDS),
            created_at=from_now(),
        )
    )
    return completion_id


def news(session: Session, completion_id: str, after: int) -> News:
    """What was written behind the piece `after`, and the end if it has come; one look, the end before the pieces."""
    is_claimed = Completion.claimed_until > from_now()
    row = session.execute(
        select(Completion.outcome, is_claimed.label("is_claimed")).where(Completion.id == completion_id)
    ).one_or_none()
    pieces = (CompletionText.completion_id == completion_id, CompletionText.id > after)
    found = session.execute(
        select(CompletionText.id, CompletionText.text).where(*pieces).order_by(CompletionText.id)
    ).all()
    texts, last_id = tuple(piece.text for piece in found), found[-1].id if found else after
    if row is None:  # whoever asks had been silent for so long that the chat was deleted
        return News(texts, last_id, _BROKEN, is_claimed=False)
    return News(texts, last_id, row.outcome, bool(row.is_claimed))


def want(session: Session, completion_id: str) -> None:
    """Say that whoever asks is still there."""
    session.execute(_of(completion_id).values(wanted_until=from_now(WANTED_SECONDS)))


def give_up(session: Session, completion_id: str) -> bool:
    """End a chat that nobody is answering; False if somebody is, or it has ended."""
    free = (Completion.claimed_until <= from_now(), Completion.finished_at.is_(None))
    return touched(session, _of(completion_id).where(*free).values(outcome=_NONE_FREE, finished_at=from_now())) == 1


def forget(session: Session, completion_id: str) -> None:
    """Delete a chat, whose answer nobody wants any more."""
    session.execute(delete(Completion).where(Completion.id == completion_id))


def claim(session: Session, seconds: float) -> Claim | None:
    """Take the oldest chat that nobody is answering; None if there is none. What broke down too often is ended."""
    while (claimed := _claimed(session, seconds)) is not None:
        if claimed.attempt <= MAX_ATTEMPTS and not _has_begun_for_good(session, claimed):
            session.execute(delete(CompletionText).where(CompletionText.completion_id == claimed.completion_id))
            return claimed
        finish(session, claimed, _BROKEN)
    return None


def _claimed(session: Session, seconds: float) -> Claim | None:
    oldest = (
        select(Completion.id)
        .where(_is_due())
        .order_by(Completion.created_at, Completion.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    row = session.execute(
        update(Completion)
        .where(Completion.id == oldest, _is_due())
        .values(attempt=Completion.attempt + 1, claimed_until=from_now(seconds))
        .returning(Completion.id, Completion.attempt, Completion.project_id, Completion.model, Completion.chat)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if row is None else Claim(*row)


def is_anything_due(session: Session) -> bool:
    """True if a chat could be claimed now."""
    return session.scalar(select(Completion.id).where(_is_due()).limit(1)) is not None


def write(session: Session, held: Claim, text: str, seconds: float) -> bool:
    """Add a piece of the answer, if there is one, and keep the claim; False if nobody wants it from this try."""
    wanted = (Completion.wanted_until > from_now(),)
    if touched(session, _held(held).where(*wanted).values(claimed_until=from_now(seconds))) != 1:
        return False
    if text:
        session.execute(insert(CompletionText).values(completion_id=held.completion_id, text=text))
    return True


def finish(session: Session, held: Claim, outcome: Answered | Refused) -> None:
    """Write how it ended, unless somebody else has."""
    session.execute(_held(held).values(outcome=outcome, finished_at=from_now()))


def give_back(session: Session, held: Claim, *, is_charged: bool) -> None:
    """Let another try, counted if it broke down; an answer that somebody reads while it is written ends here."""
    if _has_begun_for_good(session, held):
        finish(session, held, _BROKEN if is_charged else _TAKEN)
        return
    attempt = held.attempt if is_charged else held.attempt - 1
    session.execute(_held(held).values(claimed_until=from_now(), attempt=attempt))


def forget_old(session: Session) -> None:
    """Delete what was answered minutes ago, or what nobody has wanted for so long."""
    long_ago = from_now(-_KEPT_SECONDS)
    session.execute(
        delete(Completion).where(or_(Completion.finished_at < long_ago, Completion.wanted_until < long_ago))
    )


def _has_begun_for_good(session: Session, held: Claim) -> bool:
    """True if somebody has read a part of the answer."""
    piece = select(CompletionText.id).join(Completion, Completion.id == CompletionText.completion_id)
    told = piece.where(Completion.id == held.completion_id, Completion.is_streamed).limit(1)
    return session.scalar(told) is not None


def _is_due() -> ColumnElement[bool]:
    free = (Completion.finished_at.is_(None), Completion.claimed_until <= from_now())
    return and_(*free, Completion.wanted_until > from_now())


def _of(completion_id: str) -> Update:
    return update(Completion).where(Completion.id == completion_id)


def _held(held: Claim) -> Update:
    return _of(held.completion_id).where(Completion.attempt == held.attempt, Completion.finished_at.is_(None))
