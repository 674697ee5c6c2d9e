"""Records as one file that either database can be made from again: `python -m store.backup FILE` writes it.

It is a zip of JSON lines, a member a table, and `manifest.json` with the revision of the tables, how many rows each has
and what they come to. Tables are taken as the database has them, so that a release can back up those of the one before.
All rows are of one moment; the service runs on meanwhile. It knows nothing of the files on the storage.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from pydantic import ValidationError
from sqlalchemy import (
    JSON,
    Connection,
    Date,
    DateTime,
    Engine,
    MetaData,
    TableClause,
    column,
    delete,
    func,
    insert,
    inspect,
    select,
    table,
    text,
)

from store.clock import UtcDateTime
from store.columns import DEFAULT_PROJECT
from store.database import still
from store.doctor import connected
from store.settings import StoreSettings
from trainer_core.contract.check import NotInOrder
from trainer_core.contract.closed import Closed

FORMAT = 1
_MANIFEST = "manifest.json"
_REVISIONS = "alembic_version"
_ROWS_AT_ONCE = 1000
_DIGEST_BITS = 256


class NotABackup(Exception):
    """The file holds no records, or not all of those that it should."""


class NotEmpty(Exception):
    """The database has records already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the table {name} has rows already; restore into an empty database")


class Extent(Closed):
    """What a table's rows come to."""

    num_rows: int
    sha256_sum: str
    """Sum of the digests of its rows, in whatever order: databases sort text differently."""


class Manifest(Closed):
    """What a backup holds."""

    format: int
    revision: str
    tables: dict[str, Extent]


def write(engine: Engine, path: Path) -> Manifest:
    """Write all records into a new file that only its owner can read; it is there at once and whole.

    Raises:
        NotInOrder: The database has no tables.
        FileExistsError: There is a file already.
    """
    if path.exists():
        raise FileExistsError(f"{path} is there already")
    draft = path.with_name(f".{path.name}.draft")
    try:
        with open(draft, "wb", opener=_private) as file:
            with snapshot(engine) as connection, ZipFile(file, "w", ZIP_DEFLATED) as archive:
                manifest = _write(connection, archive)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """What a backup says that it holds.

    Raises:
        NotABackup: It says nothing of the kind.
    """
    try:
        with ZipFile(path) as archive:
            manifest = Manifest.model_validate_json(archive.read(_MANIFEST))
    except (OSError, BadZipFile, KeyError, ValueError) as error:
        raise NotABackup(f"{path} is no backup: {error}") from error
    if manifest.format != FORMAT:
        raise NotABackup(f"{path} has format {manifest.format}, and this release reads {FORMAT}")
    return manifest


def load(engine: Engine, path: Path) -> None:
    """Put all rows into a database that has the tables of the backup's revision, and no rows; all or none.

    Raises:
        NotEmpty: It has.
        NotABackup: What the file holds, or what the database has then, is not what the manifest says.
    """
    manifest = read_manifest(path)
    with ZipFile(path) as archive, engine.execution_options(writes=True).begin() as connection:
        tables = _tables(connection)
        demand_empty(connection)
        connection.execute(delete(tables["projects"]))  # the default one comes with the tables
        try:
            for name in [one for one in tables if one in manifest.tables]:
                with archive.open(_member(name)) as lines:
                    _insert(connection, tables[name], lines)
        except (BadZipFile, KeyError, ValueError) as error:
            raise NotABackup(f"{path} is damaged; nothing was restored: {error}") from error
        if {name: _extent(connection, found) for name, found in tables.items()} != manifest.tables:
            raise NotABackup(f"{path} does not hold what its manifest says; nothing was restored")
        _count_on(connection, tables)


def demand_empty(connection: Connection) -> None:
    """Raise `NotEmpty` if there are rows, but for the default project."""
    for name, found in _tables(connection).items():
        rows = select(func.count()).select_from(found)
        if name == "projects":
            rows = rows.where(found.c.id != DEFAULT_PROJECT)
        if connection.scalar(rows):
            raise NotEmpty(name)


def snapshot(engine: Engine) -> Connection:
    """A connection to which the database stands still."""
    return still(engine).connect()


def revision_of(connection: Connection) -> str:
    """The revision of the tables.

    Raises:
        NotInOrder: There are none.
    """
    if not inspect(connection).has_table(_REVISIONS):
        raise NotInOrder("the database has no tables", "Make them: `tuneyard up`, or `python -m migrations`")
    return str(connection.execute(text(f"SELECT version_num FROM {_REVISIONS}")).scalar_one())  # noqa: S608 - a constant


def _write(connection: Connection, archive: ZipFile) -> Manifest:
    tables, extents = _tables(connection), {}
    for name, found in tables.items():
        with archive.open(_member(name), "w", force_zip64=True) as member:
            extents[name] = _summed(_told(member, line) for line in _lines(connection, found))
    manifest = Manifest(format=FORMAT, revision=revision_of(connection), tables=extents)
    archive.writestr(_MANIFEST, manifest.model_dump_json(indent=1))
    return manifest


def _tables(connection: Connection) -> Mapping[str, TableClause]:
    """Every table as the database has it, those first to which others point; JSON and times as values of Python."""
    known = MetaData()
    known.reflect(connection)
    return {
        one.name: table(one.name, *(column(col.name, _kind(col.type)) for col in one.columns))
        for one in known.sorted_tables
        if one.name != _REVISIONS
    }


def _kind(kind: Any) -> Any:
    if isinstance(kind, JSON):
        return JSON(none_as_null=True)
    return UtcDateTime() if isinstance(kind, DateTime) else kind


def _lines(connection: Connection, found: TableClause) -> Iterator[bytes]:
    with connection.execute(select(found), execution_options={"yield_per": _ROWS_AT_ONCE}) as rows:
        for row in rows.mappings():
            yield json.dumps(dict(row), default=_as_text, sort_keys=True, ensure_ascii=False).encode()


def _as_text(value: date | datetime) -> str:
    return value.isoformat()


def _told(member: IO[bytes], line: bytes) -> bytes:
    member.write(line + b"\n")
    return line


def _summed(lines: Iterable[bytes]) -> Extent:
    num_rows = total = 0
    for line in lines:
        num_rows += 1
        total += int.from_bytes(hashlib.sha256(line).digest())
    return Extent(num_rows=num_rows, sha256_sum=f"{total % 2**_DIGEST_BITS:064x}")


def _extent(connection: Connection, found: TableClause) -> Extent:
    return _summed(_lines(connection, found))


def _insert(connection: Connection, found: TableClause, lines: Iterable[bytes]) -> None:
    rows = (_row(found, line) for line in lines)
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        connection.execute(insert(found), some)


def _row(found: TableClause, line: bytes) -> dict[str, Any]:
    told = json.loads(line)
    return {name: _value(found.c[name].type, value) for name, value in told.items()}


def _value(kind: Any, value: Any) -> Any:
    if isinstance(value, str) and isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if isinstance(value, str) and isinstance(kind, Date) else value


def _count_on(connection: Connection, tables: Mapping[str, TableClause]) -> None:
    """Have PostgreSQL number new rows behind those that are there; SQLite does so itself."""
    if connection.dialect.name != "postgresql":
        return
    for name, found in tables.items():
        sequence = "id" in found.c and connection.scalar(select(func.pg_get_serial_sequence(name, "id")))
        if sequence:
            last = select(func.max(found.c.id)).scalar_subquery()
            connection.execute(select(func.setval(sequence, last)))


def _member(name: str) -> str:
    return f"{name}.jsonl"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def main() -> int:
    """Write a backup; what it holds is printed."""
    parser = argparse.ArgumentParser(prog="python -m store.backup", description=__doc__)
    parser.add_argument("path", type=Path, help="file to write; it must not be there")
    asked = parser.parse_args()
    try:
        with connected(StoreSettings().database_url) as engine:
            manifest = write(engine, asked.path)
    except (NotInOrder, OSError, ValidationError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    num_rows = sum(one.num_rows for one in manifest.tables.values())
    sys.stdout.write(f"{asked.path}: {num_rows} rows of {len(manifest.tables)} tables, revision {manifest.revision}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
