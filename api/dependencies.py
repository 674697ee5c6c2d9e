"""What handlers are given: sessions, storage, settings, the doorbell. Built once, in `create_app`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from api.settings import Settings
from api.streaming import Streams
from store.database import Database
from store.doorbell import Ringer
from store.files import Storage


@dataclass(frozen=True)
class Parts:
    """The real parts that the service is made of."""

    settings: Settings
    database: Database
    storage: Storage
    doorbell: Ringer
    streams: Streams


def parts(request: Request) -> Parts:
    """The parts of the running service."""
    found = request.app.state.parts
    assert isinstance(found, Parts)
    return found


PartsDep = Annotated[Parts, Depends(parts)]


def _reading(found: PartsDep) -> Iterator[Session]:
    with found.database.reading() as session:
        yield session


def _writing(found: PartsDep) -> Iterator[Session]:
    with found.database.writing() as session:
        yield session


# The function's scope ends before the answer goes out: whoever hears 201 can rely on the commit.
Reading = Annotated[Session, Depends(_reading, scope="function")]
Writing = Annotated[Session, Depends(_writing, scope="function")]
