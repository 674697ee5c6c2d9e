"""What columns of every table are made of: the declarative base, types kept as JSON, and rows that a project owns."""

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import JSON, BigInteger, Dialect, Float, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from store.clock import UtcDateTime

DEFAULT_PROJECT = "proj_default"
"""Owns what was made before there were projects, and what is made without naming one."""
RowId = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up only INTEGER keys."""


class Stored(TypeDecorator[Any]):
    """A pydantic type, kept as JSON."""

    impl = JSON
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__(none_as_null=True)
        self.kind = kind
        self._adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Dump it; None stays SQL's NULL."""
        return None if value is None else self._adapter.dump_python(value, mode="json")

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Validate it again: a row is as trustworthy as a request."""
        return None if value is None else self._adapter.validate_python(value)


class Table(DeclarativeBase):
    """All tables of the service."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way
        datetime: UtcDateTime(),
        str: String(255),
        int: Integer(),
        float: Float(),
        dict[str, Any]: JSON(none_as_null=True),
    }


class Owned:
    """Rows that belong to a project: a session of a project sees and changes only its own."""

    project_id: Mapped[str] = mapped_column(server_default=DEFAULT_PROJECT)
