"""All that can go from the storage, for whoever wants to see it first: what workers collect by and by, and more.

More are files of uploads that no row names, left by a crash between a file and its row, and what caches hold that
nobody has read for a month. Nothing of it is needed by a job that has not ended.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import expiry, orphans, retention
from store.database import Database
from store.file_tables import StoredFile, UploadPart
from store.files import Storage
from store.tables import Dataset, ImageFile

MAX_FOUND = 1000
_IDS_AT_ONCE = 500
_OF_UPLOADS = ("datasets", "files", "images")
Go = Callable[[], object]


class Kind(StrEnum):
    """Why it can go."""

    ORPHAN = "orphan"
    """A file in a run folder that no row names."""
    STRAY = "stray"
    """A file of an upload that no row names."""
    EXPIRED = "expired"
    """A file that was deleted, or has expired."""
    PART = "upload_part"
    """A part of an upload that nobody completes."""
    CACHE = "cache"
    """What a run can make again, and none has read for a month."""
    RETENTION = "retention"
    """What its project keeps no longer."""


@dataclass(frozen=True)
class Garbage:
    """Something that can go."""

    kind: Kind
    name: str
    """Its place below the root of the storage, an id, or what of which job."""
    num_bytes: int


def find(database: Database, storage: Storage) -> list[Garbage]:
    """All that can go, up to `MAX_FOUND` things."""
    return [one for one, _ in islice(_found(database, storage), MAX_FOUND)]


def collect(database: Database, storage: Storage) -> list[Garbage]:
    """Delete all that can go, up to `MAX_FOUND` things; what was deleted."""
    found = list(islice(_found(database, storage), MAX_FOUND))
    for _, go in found:
        go()
    return [one for one, _ in found]


def _found(database: Database, storage: Storage) -> Iterator[tuple[Garbage, Go]]:
    """Each thing, and what deletes it."""
    with database.reading() as session:
        due = retention.due(session, MAX_FOUND)
        expired, parts = expiry.expired(session, MAX_FOUND), expiry.left_parts(session, MAX_FOUND)
    for one in due:
        yield (
            Garbage(Kind.RETENTION, f"{one.kept} {one.id}", one.num_bytes),
            partial(retention.retire, database, storage, one),
        )
    for file in expired:
        yield Garbage(Kind.EXPIRED, file.id, file.num_bytes), partial(expiry.discard, database, storage, files=[file])
    for part in parts:
        yield Garbage(Kind.PART, part.id, part.num_bytes), partial(expiry.discard, database, storage, parts=[part])
    nameless = {Kind.ORPHAN: orphans.every(database, storage), Kind.STRAY: _strays(database, storage)}
    for kind, places in nameless.items():
        for place in places:
            yield _of_file(kind, storage, place, partial(storage.stat, place)), partial(storage.delete, place)
    for path in storage.unread_cache():
        yield _of_file(Kind.CACHE, storage, path, path.stat), partial(path.unlink, missing_ok=True)


def _of_file(kind: Kind, storage: Storage, place: Path, stat: Callable[[], os.stat_result]) -> Garbage:
    try:
        num_bytes = stat().st_size
    except FileNotFoundError:  # a link that leads nowhere, or a worker was faster
        num_bytes = 0
    return Garbage(kind, place.relative_to(storage.root).as_posix(), num_bytes)


def _strays(database: Database, storage: Storage) -> Iterator[Path]:
    """Files of uploads that have been there for a day without a row."""
    for folder in _OF_UPLOADS:
        old = (place for place in storage.files(storage.root / folder) if storage.is_old(place))
        while some := {place.stem: place for place in islice(old, _IDS_AT_ONCE)}:
            with database.reading() as session:
                known = _known(session, some)
            yield from (place for file_id, place in some.items() if file_id not in known)


def _known(session: Session, file_ids: Iterable[str]) -> set[str]:
    tables: tuple[Any, ...] = (StoredFile, UploadPart, Dataset, ImageFile)
    return {one for table in tables for one in session.scalars(select(table.id).where(table.id.in_(file_ids)))}
