"""Chats: asked, answered by one, read while they are written, and what becomes of those that break off."""

import pytest
from sqlalchemy import select, update

from store import completions
from store.clock import from_now
from store.completions import MAX_ATTEMPTS, Claim, News
from store.database import Database
from store.tables import Completion, CompletionText
from trainer_core.contract.chat import Answered, Chat, RefusalCode, Refused, Sampling

CHAT = Chat(messages=({"role": "user", "content": "7?"},), sampling=Sampling(seed=3, stop=("x",)))
ANSWERED = Answered(finish_reason="stop", num_prompt_tokens=3, num_new_tokens=2)


def ask(database: Database, *, is_streamed: bool = False, project_id: str | None = None) -> str:
    with database.writing(project_id) as session:
        return completions.ask(session, "starter", CHAT, is_streamed=is_streamed)


def claim(database: Database, seconds: float = 60) -> Claim | None:
    with database.writing() as session:
        return completions.claim(session, seconds)


def claimed(database: Database, seconds: float = 60) -> Claim:
    found = claim(database, seconds)
    assert found is not None
    return found


def write(database: Database, held: Claim, text: str) -> bool:
    with database.writing() as session:
        return completions.write(session, held, text, 60)


def give_back(database: Database, held: Claim, *, is_charged: bool) -> None:
    with database.writing() as session:
        completions.give_back(session, held, is_charged=is_charged)


def news(database: Database, completion_id: str, after: int = 0) -> News:
    with database.reading() as session:
        return completions.news(session, completion_id, after)


def code(database: Database, completion_id: str) -> RefusalCode:
    outcome = news(database, completion_id).outcome
    assert isinstance(outcome, Refused)
    return outcome.code


def change(database: Database, **values: object) -> None:
    with database.writing() as session:
        session.execute(update(Completion).values(**values))


def test_a_claim_brings_all_that_was_asked(database: Database) -> None:
    completion_id = ask(database, project_id="proj_1")

    assert claimed(database) == Claim(completion_id, 1, "proj_1", "starter", CHAT)


def test_the_oldest_chat_is_answered_first_and_by_one(database: Database) -> None:
    first, second = ask(database), ask(database)

    assert [claimed(database).completion_id, claimed(database).completion_id] == [first, second]
    assert claim(database) is None


def test_an_answer_is_read_piece_by_piece(database: Database) -> None:
    completion_id = ask(database)
    held = claimed(database)

    write(database, held, "se")
    first = news(database, completion_id)
    write(database, held, "ven")
    with database.writing() as session:
        completions.finish(session, held, ANSWERED)
    rest = news(database, completion_id, first.last_id)

    assert (first.texts, first.outcome, first.is_claimed) == (("se",), None, True)
    assert (rest.texts, rest.outcome) == (("ven",), ANSWERED)


def test_only_the_newest_try_writes(database: Database) -> None:
    completion_id = ask(database)
    old = claimed(database, seconds=-1)
    new = claimed(database)

    assert (write(database, old, "old"), write(database, new, "new")) == (False, True)
    with database.writing() as session:
        completions.finish(session, old, ANSWERED)
    assert news(database, completion_id).texts == ("new",)
    assert news(database, completion_id).outcome is None


def test_an_answer_that_nobody_waits_for_is_not_written(database: Database) -> None:
    ask(database)
    held = claimed(database)
    change(database, wanted_until=from_now(-1))

    assert not write(database, held, "7")


def test_whoever_asks_keeps_their_wish(database: Database) -> None:
    completion_id = ask(database)
    held = claimed(database)
    change(database, wanted_until=from_now(-1))

    with database.writing() as session:
        completions.want(session, completion_id)

    assert write(database, held, "7")


def test_a_chat_that_nobody_wants_is_not_claimed(database: Database) -> None:
    ask(database)
    change(database, wanted_until=from_now(-1))

    assert claim(database) is None


def test_a_deleted_chat_takes_its_pieces_with_it_and_ends_for_its_reader(database: Database) -> None:
    completion_id = ask(database)
    held = claimed(database)
    write(database, held, "7")

    with database.writing() as session:
        completions.forget(session, completion_id)

    with database.reading() as session:
        assert session.scalars(select(CompletionText)).all() == []
    assert not write(database, held, "8")
    assert code(database, completion_id) is RefusalCode.BROKE_DOWN


def test_a_chat_that_nobody_answers_is_given_up(database: Database) -> None:
    completion_id = ask(database)

    with database.writing() as session:
        assert completions.give_up(session, completion_id)

    assert code(database, completion_id) is RefusalCode.NO_FREE_SLOT
    assert claim(database) is None


def test_a_chat_that_is_being_answered_is_not_given_up(database: Database) -> None:
    completion_id = ask(database)
    claimed(database)

    with database.writing() as session:
        assert not completions.give_up(session, completion_id)


@pytest.mark.parametrize("is_charged", [False, True])
def test_an_answer_that_nobody_has_read_is_begun_again(database: Database, *, is_charged: bool) -> None:
    completion_id = ask(database)
    held = claimed(database)
    write(database, held, "se")

    give_back(database, held, is_charged=is_charged)

    assert claimed(database).attempt == 1 + is_charged
    assert news(database, completion_id).texts == ()


@pytest.mark.parametrize(
    ("is_charged", "expected"), [(False, RefusalCode.NO_FREE_SLOT), (True, RefusalCode.BROKE_DOWN)]
)
def test_an_answer_that_somebody_has_begun_to_read_ends(
    database: Database, *, is_charged: bool, expected: RefusalCode
) -> None:
    completion_id = ask(database, is_streamed=True)
    held = claimed(database)
    write(database, held, "se")

    give_back(database, held, is_charged=is_charged)

    assert (code(database, completion_id), claim(database)) == (expected, None)


def test_a_stream_whose_worker_died_in_the_middle_ends(database: Database) -> None:
    completion_id = ask(database, is_streamed=True)
    write(database, claimed(database), "se")
    change(database, claimed_until=from_now(-1))

    assert claim(database) is None
    assert code(database, completion_id) is RefusalCode.BROKE_DOWN


def test_what_breaks_down_again_and_again_ends(database: Database) -> None:
    completion_id = ask(database)

    for _ in range(MAX_ATTEMPTS):
        give_back(database, claimed(database), is_charged=True)

    assert claim(database) is None
    assert code(database, completion_id) is RefusalCode.BROKE_DOWN


def test_old_chats_are_forgotten_and_new_ones_kept(database: Database) -> None:
    done, left, new = ask(database), ask(database), ask(database)
    with database.writing() as session:
        old = {"finished_at": from_now(-400), "outcome": ANSWERED}
        session.execute(update(Completion).where(Completion.id == done).values(**old))
        session.execute(update(Completion).where(Completion.id == left).values(wanted_until=from_now(-400)))

    with database.writing() as session:
        completions.forget_old(session)

    with database.reading() as session:
        assert session.scalars(select(Completion.id)).all() == [new]
