"""Telling what is due, in this thread: a tracker is left once there is nothing more for now."""

import threading
from collections.abc import Mapping
from typing import Any

from sqlalchemy import update

from store.clock import from_now
from store.database import Database
from store.files import Storage
from store.tables import Event
from store.tracking_tables import Tracking, TrackingStatus
from tests.unit.tracked import claim_all, rows, told
from worker.following import Following
from worker.settings import TrackingSettings

_PLACE = ("event_id", "metric_id", "memory")


def follow(database: Database, storage: Storage, **settings: Any) -> list[Event]:
    """Have everything told that is due; the failures that jobs were told of meanwhile."""
    stopping = threading.Event()
    stopping.set()  # what runs is not waited for
    made = TrackingSettings(
        database_url="sqlite://", broker_url="redis://127.0.0.1:1/0", storage_root=str(storage.root), **settings
    )
    for claim in claim_all(database):
        Following(made, database, storage, str(storage.root / "wandb"), claim, stopping).run()
    return told(database, "tracking_f")


def place_of(database: Database) -> Mapping[str, Any]:
    """How far the one tracking has come."""
    [row] = rows(database)
    return {name: getattr(row, name) for name in _PLACE}


def rewind(database: Database, place: Mapping[str, Any]) -> None:
    """Have the one tracking be where it was, as a crash before the commit leaves it."""
    again = {"status": TrackingStatus.FOLLOWING, "claimed_until": from_now(), "finished_at": None}
    with database.writing() as session:
        session.execute(update(Tracking).values(**place, **again))
