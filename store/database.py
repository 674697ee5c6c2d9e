"""The connection to the records: SQLite in WAL mode, or PostgreSQL. It knows no table.

A session may be a project's: it then finds and changes that project's rows alone, whatever it is asked for.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    TableValuedAlias,
    Update,
    create_engine,
    event,
    func,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker, with_loader_criteria

from store.columns import DEFAULT_PROJECT, Owned, Table

UNAVAILABLE = (OperationalError, InterfaceError, NoConnectionFree)
"""Errors of a database that does not answer, or broke off; whether a write has come through is not known then."""
_PROJECT = "project_id"
ACROSS_PROJECTS = "across_projects"
"""Execution option of a statement that reads what other projects have, as they let it."""
_INSERT: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_PAIRS: Mapping[str, Any] = {"sqlite": func.json_each, "postgresql": func.json_each_text}
_BUSY_SECONDS = 30
"""How long a writer waits for another writer of SQLite."""
_CONNECT_SECONDS = 5
"""How long PostgreSQL may take to answer at first."""
_POOL: Mapping[str, Any] = {"pool_size": 15, "max_overflow": 35}
"""Connections that are kept, and that come beside them: requests are answered in forty threads, and whoever would wait
for a connection would wait in no order, and might be refused while others pass."""
_POOL_SECONDS = 4
"""How long to wait for a connection that another thread gives back: with the one above, never ten seconds."""
_POSTGRESQL = {
    "connect_timeout": _CONNECT_SECONDS,
    # A host that is gone without a word is noticed in about ten seconds, not in hours.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 9_000,
}


class Database:
    """Two kinds of sessions: one that reads, one that writes and commits once, at its end."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._read = sessionmaker(still(self.engine), expire_on_commit=False)
        self._write = sessionmaker(self.engine.execution_options(writes=True), expire_on_commit=False)
        # Threads take turns: left to SQLite, those that wait look again at longer and longer intervals.
        self._turn: AbstractContextManager[Any] = (
            threading.Lock() if self.engine.dialect.name == "sqlite" else nullcontext()
        )

    @contextmanager
    def reading(self, project_id: str | None = None) -> Iterator[Session]:
        """What there is at one moment, in one project if it is named; nothing is written."""
        with self._read(info={_PROJECT: project_id}) as session:
            yield session

    @contextmanager
    def writing(self, project_id: str | None = None) -> Iterator[Session]:
        """One transaction, in one project if it is named, committed at the end, undone by any error."""
        # Not `sessionmaker.begin`: it would take no `info`.
        with self._turn, self._write(info={_PROJECT: project_id}) as session, session.begin():
            yield session

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def owner(session: Session) -> str:
    """Id of the project whose rows the session writes."""
    return session.info.get(_PROJECT) or DEFAULT_PROJECT


@event.listens_for(Session, "do_orm_execute")
def _see_own_rows(asked: ORMExecuteState) -> None:
    project_id = asked.session.info.get(_PROJECT)
    if project_id is not None and not asked.execution_options.get(ACROSS_PROJECTS):
        owned = with_loader_criteria(Owned, lambda table: table.project_id == project_id, include_aliases=True)
        asked.statement = asked.statement.options(owned)


def upserting(session: Session, table: type[Table]) -> Any:
    """An INSERT that can say what is to happen to a row that is there."""
    return _INSERT[session.get_bind().dialect.name](table)


def json_pairs(session: Session, told: ColumnElement[Any]) -> TableValuedAlias:
    """Rows of `key` and `value` for an object in JSON; a path into it would not find every key."""
    pairs: TableValuedAlias = _PAIRS[session.get_bind().dialect.name](told).table_valued("key", "value")
    return pairs


def touched(session: Session, statement: Update) -> int:
    """Carry out an UPDATE and tell how many rows it changed: of two racers, one reads 1."""
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def make_engine(url: str) -> Engine:
    """Engine for `url`, SQLite set up for several processes."""
    if not url.startswith("sqlite"):
        chosen = make_url(url).query  # an operator's word on a connection goes before ours
        ours = {name: value for name, value in _POSTGRESQL.items() if name not in chosen}
        return create_engine(url, **_POOL, pool_pre_ping=True, pool_timeout=_POOL_SECONDS, connect_args=ours)
    engine = create_engine(url, **_POOL, pool_timeout=_POOL_SECONDS, connect_args={"timeout": _BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def still(engine: Engine) -> Engine:
    """The same engine, whose transactions read what there is at one moment, whatever others write meanwhile."""
    if engine.dialect.name == "sqlite":  # every transaction does, from its first read on
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ")


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: _begin_sqlite does
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # a committed job survives a power loss
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: upgrading later would fail as soon as another one was faster.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
