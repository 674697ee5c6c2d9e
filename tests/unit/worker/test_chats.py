"""What a worker does to have chats answered, with a process that answers as a test says."""

import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import update

from store import completions
from store.clock import from_now
from store.completions import News
from store.database import Database
from store.doorbell import Bell
from store.files import Storage
from store.tables import Completion
from tests.patience import PATIENCE_SECONDS, until
from tests.unit.queued import submit_queued
from tests.unit.worker.counting_doorbell import CountingDoorbell
from tests.unit.worker.processes import is_running
from trainer_core.contract.chat import Answered, Chat, RefusalCode, Refused
from trainer_core.contract.spec import JobSpec
from worker import answering
from worker.attempt import Attempts
from worker.chats import Chats
from worker.settings import WorkerSettings
from worker.slots import Slots
from worker.warm import Warm

SCRIPT = """
import os, sys
from pathlib import Path
from trainer_core.contract.chat import SAID, Answered, Question, TextWritten
from trainer_core.training.lifeline import die_with_line
from trainer_core.warm import serve
def tell(one):
    print(one.model_dump_json(), flush=True)
def hear():
    line = sys.stdin.readline()
    if not line:
        os._exit(0)
    return SAID.validate_json(line)
def carry_out(order, line):
    die_with_line(line)
    with open({pids!r}, "a") as file:
        print(os.getpid(), file=file)
    sys.stdin = open(0)
    while True:
        question = hear()
        text = question.chat.messages[-1]["content"]
        if text == "die":
            os._exit(3)
        tell(TextWritten(text=Path(question.source.base_model).name + " "))
        if text == "go on":
            hear()
        tell(TextWritten(text=text))
        tell(Answered(finish_reason="stop", num_prompt_tokens=1, num_new_tokens=2))
serve(carry_out)
"""


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody says a second time that an answer is wanted, and a slow machine has time to end one."""
    monkeypatch.setattr(completions, "WANTED_SECONDS", 3600)
    monkeypatch.setattr(answering, "_STOP_SECONDS", 3600)


@pytest.fixture
def pids_path(tmp_path: Path) -> Path:
    """Of those who answer."""
    return tmp_path / "pids"


@pytest.fixture
def slots(storage: Storage) -> Slots:
    return Slots(storage.root / "slots", 1)


Make = Callable[..., Chats]


@pytest.fixture
def make(
    settings: WorkerSettings,
    database: Database,
    storage: Storage,
    doorbell: CountingDoorbell,
    slots: Slots,
    pids_path: Path,
) -> Iterator[Make]:
    """Makes what is under test; by default it stays no longer than there are chats."""
    warm = Warm([sys.executable, "-c", SCRIPT.format(pids=str(pids_path))], os.environ, math.inf)

    def made(chat_idle_seconds: float = 1e-9) -> Chats:
        chosen = settings.model_copy(update={"chat_idle_seconds": chat_idle_seconds})
        attempts = Attempts(chosen, database, slots, warm)
        return Chats(chosen, database, storage, doorbell, warm, attempts, slots)  # type: ignore[arg-type]

    yield made
    warm.end()


@contextmanager
def at_work(chats: Chats) -> Iterator[threading.Thread]:
    """Answering meanwhile, to its end."""
    thread = threading.Thread(target=chats.run_due)
    thread.start()
    yield thread
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def ask(database: Database, text: str, *, is_streamed: bool = False, model: str = "starter") -> str:
    chat = Chat(messages=({"role": "user", "content": text},))
    with database.writing() as session:
        return completions.ask(session, model, chat, is_streamed=is_streamed)


def news(database: Database, completion_id: str) -> News:
    with database.reading() as session:
        return completions.news(session, completion_id, 0)


def code(database: Database, completion_id: str) -> RefusalCode:
    outcome = news(database, completion_id).outcome
    assert isinstance(outcome, Refused)
    return outcome.code


def pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()]


def test_chats_are_answered_one_after_the_other_by_one_process(
    make: Make, database: Database, pids_path: Path, slots: Slots
) -> None:
    asked = [ask(database, text) for text in ("7", "8")]

    with at_work(make(chat_idle_seconds=0.5)):
        pass

    assert ["".join(news(database, one).texts) for one in asked] == ["starter 7", "starter 8"]
    assert isinstance(news(database, asked[0]).outcome, Answered)
    [pid] = pids(pids_path)
    assert not is_running(pid)
    assert not slots.is_held("slot-0")


def test_nothing_is_started_where_nobody_asks(make: Make, pids_path: Path) -> None:
    make().run_due()

    assert not pids_path.exists()


def test_chats_are_not_begun_while_a_job_is_due(make: Make, database: Database, spec: JobSpec, pids_path: Path) -> None:
    ask(database, "7")
    with database.writing() as session:
        submit_queued(session, spec)

    make().run_due()

    assert not pids_path.exists()


def test_who_answers_holds_the_slot_until_a_job_needs_it(
    make: Make, database: Database, spec: JobSpec, slots: Slots, doorbell: CountingDoorbell
) -> None:
    asked = ask(database, "7")

    with at_work(make(chat_idle_seconds=600)):
        until(lambda: news(database, asked).outcome)
        is_held = slots.is_held("slot-0")
        with database.writing() as session:
            submit_queued(session, spec)

    assert (is_held, slots.is_held("slot-0"), doorbell.rung) == (True, False, [Bell.JOBS])


@pytest.mark.parametrize("is_streamed", [False, True])
def test_an_answer_makes_way_for_a_job(make: Make, database: Database, spec: JobSpec, *, is_streamed: bool) -> None:
    asked = ask(database, "go on", is_streamed=is_streamed)

    with at_work(make()):
        until(lambda: news(database, asked).texts)
        with database.writing() as session:
            submit_queued(session, spec)

    if is_streamed:
        assert code(database, asked) is RefusalCode.NO_FREE_SLOT
    else:
        assert (news(database, asked).outcome, news(database, asked).is_claimed) == (None, False)


def test_an_answer_is_told_while_it_is_written(make: Make, database: Database) -> None:
    asked = ask(database, "go on", is_streamed=True)
    chats = make()

    with at_work(chats):
        until(lambda: news(database, asked).texts)
        told = news(database, asked)
        chats.stop()

    assert (told.texts, told.outcome) == (("starter ",), None)


def test_an_answer_that_nobody_wants_is_ended_and_the_next_chat_answered(
    make: Make, database: Database, pids_path: Path
) -> None:
    unwanted = ask(database, "go on")

    with at_work(make(chat_idle_seconds=0.5)):
        until(lambda: news(database, unwanted).texts)
        asked = ask(database, "7")
        with database.writing() as session:
            completions.forget(session, unwanted)

    assert "".join(news(database, asked).texts) == "starter 7"
    assert len(pids(pids_path)) == 1


def test_a_process_that_dies_is_charged(make: Make, database: Database) -> None:
    asked = ask(database, "die")
    chats = make()

    for _ in range(completions.MAX_ATTEMPTS + 1):
        chats.run_due()

    assert code(database, asked) is RefusalCode.BROKE_DOWN


def test_a_stream_that_breaks_off_ends(make: Make, database: Database, pids_path: Path) -> None:
    asked = ask(database, "go on", is_streamed=True)

    with at_work(make()):
        until(lambda: news(database, asked).texts)
        os.kill(pids(pids_path)[0], signal.SIGKILL)

    assert (news(database, asked).texts, code(database, asked)) == (("starter ",), RefusalCode.BROKE_DOWN)


def test_a_model_that_is_gone_is_told(make: Make, database: Database, pids_path: Path) -> None:
    asked = ask(database, "7", model="gone")

    make().run_due()

    assert code(database, asked) is RefusalCode.MODEL_UNUSABLE
    assert not pids_path.exists()


def test_a_worker_that_stops_gives_its_chat_back(make: Make, database: Database, slots: Slots) -> None:
    asked = ask(database, "go on")
    chats = make(chat_idle_seconds=600)

    with at_work(chats):
        until(lambda: news(database, asked).texts)
        chats.stop()

    assert not news(database, asked).is_claimed
    assert not slots.is_held("slot-0")


def test_a_claim_is_kept_while_an_answer_takes_long(make: Make, database: Database) -> None:
    asked = ask(database, "go on")

    with at_work(make()):
        until(lambda: news(database, asked).texts)
        with database.writing() as session:
            session.execute(update(Completion).values(claimed_until=from_now(-1)))
        until(lambda: news(database, asked).is_claimed)
        with database.writing() as session:
            completions.forget(session, asked)
