"""Sessions that read, and sessions that write."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, func, make_url, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from store import datasets, workers
from store.clock import from_now
from store.database import _POSTGRESQL, Database
from store.datasets import DatasetNotFound
from store.tables import Worker
from trainer_core.contract.dataset import DatasetReport

NUM_THREADS = 40
"""In which a service answers requests, unless it is told otherwise."""


def test_an_error_undoes_the_transaction(database: Database) -> None:
    with pytest.raises(DatasetNotFound), database.writing() as session:
        _see_then_fail(session)

    with database.reading() as session:
        assert not workers.alive(session)


def _see_then_fail(session: Session) -> None:
    workers.see(session, "w", num_slots=1, memory_bytes=1, gpus=())
    datasets.get(session, "file-none")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_waits_until_what_it_commits_is_on_the_disk(database: Database) -> None:
    found = []

    @event.listens_for(database.engine, "connect")
    def look(connection: Any, _record: object) -> None:  # before tests have it wait for none
        found.append(connection.execute("PRAGMA synchronous").fetchone())

    database.engine.connect().close()

    assert found == [(2,)]  # FULL


def test_each_thread_that_answers_requests_has_a_connection(database: Database) -> None:
    together = threading.Barrier(NUM_THREADS)

    def read(_: int) -> None:
        with database.reading() as session:
            session.execute(select(1))
            together.wait(timeout=60)

    with ThreadPoolExecutor(NUM_THREADS) as threads:
        list(threads.map(read, range(NUM_THREADS)))


def test_a_time_comes_back_in_utc(database: Database) -> None:
    with database.writing() as session:
        report = DatasetReport(form="JSONL", num_rows=1)
        dataset = datasets.add(session, dataset_id="file-1", filename="x", num_bytes=1, sha256="0" * 64, report=report)

    offset = dataset.created_at.utcoffset()
    assert offset is not None
    assert offset.total_seconds() == 0


def test_the_clock_counts_seconds(database: Database) -> None:
    with database.reading() as session:
        before, found, after = (session.scalars(select(from_now(seconds))).one() for seconds in (0, 60, 0))

    assert before <= found - timedelta(seconds=60) <= after


def test_a_statement_that_reckons_with_the_clock_is_compiled_once(database: Database) -> None:
    found: list[bool] = []

    with database.writing() as session:
        session.execute(update(Worker).values(last_seen_at=from_now(1)))
        event.listen(
            database.engine,
            "after_cursor_execute",
            lambda *told: found.append(told[4].cache_hit is told[4].cache_hit.CACHE_HIT),
        )
        session.execute(update(Worker).values(last_seen_at=from_now(2)))
        session.execute(update(Worker).values(last_seen_at=from_now()))
        session.execute(update(Worker).values(last_seen_at=from_now()))

    assert found == [True, False, True]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_read_is_of_one_moment(database: Database) -> None:
    with database.reading() as session:
        before = workers.alive(session)
        with database.writing() as other:
            workers.see(other, "w", num_slots=1, memory_bytes=1, gpus=())

        assert workers.alive(session) == before == []


def test_threads_that_write_take_turns(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.database._BUSY_SECONDS", 0)  # SQLite itself lets nobody wait
    database = Database(database_url)

    def write(number: int) -> None:
        with database.writing() as session:
            workers.see(session, f"w{number}", num_slots=1, memory_bytes=1, gpus=())

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(40)))

    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Worker)) == 40
    database.close()


def test_a_server_that_takes_the_connection_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_POSTGRESQL, "connect_timeout", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = Database(f"postgresql+psycopg://user@127.0.0.1:{silent.getsockname()[1]}/tuneyard")

        with pytest.raises(OperationalError, match="timeout"):
            database.engine.connect()

        database.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_its_address_says_of_a_connection_goes_before_what_is_usual(database_url: str) -> None:
    chosen = make_url(database_url).update_query_dict({"connect_timeout": "61"})
    database = Database(chosen.render_as_string(hide_password=False))

    with database.reading() as session:
        connection = session.connection().connection.dbapi_connection

    assert isinstance(connection, psycopg.Connection)
    told = connection.info.get_parameters()
    assert (told["connect_timeout"], told["keepalives_idle"]) == ("61", "5")
    database.close()
