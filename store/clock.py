"""The database's clock, in SQL: leases are reckoned on it alone, so that hosts may disagree about the time."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Float, ScalarSelect, String, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time; always aware and in UTC on this side, whatever the database keeps."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite keeps no zone: give it UTC."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that it is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class _Seconds(TypeDecorator[float]):
    """A length of time as each database takes one, to the millisecond."""

    impl = Float
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """SQLite takes words."""
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else Float())

    def process_bind_param(self, value: float | None, dialect: Dialect) -> Any:
        """The words, or the number."""
        return f"{value:+.3f} seconds" if dialect.name == "sqlite" else value


class from_now(FunctionElement[datetime]):  # noqa: N801 - it reads as an SQL function
    """The database's time, `seconds` from now; 0 is now, to the millisecond."""

    name = "from_now"
    inherit_cache = True
    type = UtcDateTime()

    def __init__(self, seconds: float = 0) -> None:
        super().__init__(*([literal(float(seconds), _Seconds())] if seconds else []))


@compiles(from_now, "sqlite")
def _sqlite(element: from_now, compiler: SQLCompiler, **how: Any) -> str:
    shift = f", {compiler.process(element.clauses, **how)}" if len(element.clauses) else ""
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now'{shift})"


@compiles(from_now, "postgresql")
def _postgresql(element: from_now, compiler: SQLCompiler, **how: Any) -> str:
    shift = f" + make_interval(secs => {compiler.process(element.clauses, **how)})" if len(element.clauses) else ""
    return f"(clock_timestamp(){shift})"


def once(seconds: float = 0) -> ScalarSelect[datetime]:
    """`from_now`, found once for a statement: PostgreSQL would ask its clock again for every row of a table."""
    return select(from_now(seconds)).scalar_subquery()


def now(session: Session) -> datetime:
    """The database's time, for reckoning on this side."""
    return session.execute(select(from_now())).scalar_one()
