"""`python -m store.doctor`: broker, database and storage of a deployment, looked at from this host for the doctor.

It changes nothing but a probe that it writes into the storage and deletes.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

from pydantic import ValidationError
from redis import Redis
from sqlalchemy import Engine, make_url, text
from sqlalchemy.orm import Session

from store.clock import now
from store.database import make_engine
from store.files import Storage
from store.settings import StoreSettings
from trainer_core.contract.check import Check, NotInOrder, Outcome, examine, tell, warning

ROOM_BYTES = 20e9
"""A few checkpoints of a model of some billion parameters."""
_LEAST_ROOM_BYTES = 1e9
DRIFT_SECONDS = 5.0
_CONNECT_SECONDS = 5.0


def checks(settings: StoreSettings, *, has_broker: bool = True) -> Iterator[Check]:
    """Everything that the settings name, one after the other."""
    if has_broker:
        yield examine(
            "broker",
            partial(look_at_broker, str(settings.broker_url)),
            "Start it, or correct TUNEYARD_BROKER_URL; jobs wait in the database meanwhile and are found without it",
        )
    database = examine(
        "database", partial(look_at_database, settings.database_url), "Start it, or correct TUNEYARD_DATABASE_URL"
    )
    yield database
    if database.outcome is not Outcome.FAILED:
        yield examine("database clock", partial(look_at_clock, settings.database_url), "Look at the database again")
    yield examine(
        "storage",
        lambda: look_at_storage(settings.storage_root, settings.scratch_dir),
        "Correct TUNEYARD_STORAGE_ROOT, or the rights of this account there",
    )
    yield examine(
        "storage room",
        lambda: look_at_room(Storage(settings.storage_root, settings.scratch_dir).root),
        "Correct TUNEYARD_STORAGE_ROOT or TUNEYARD_SCRATCH_DIR",
    )


def look_at_broker(url: str) -> str:
    """It answers, evicts nothing, and its disk takes what it writes."""
    with Redis.from_url(
        url, socket_connect_timeout=_CONNECT_SECONDS, socket_timeout=_CONNECT_SECONDS, decode_responses=True
    ) as broker:
        told = broker.info()
    assert isinstance(told, dict)
    version = told.get("valkey_version") or told.get("redis_version")
    policy = told.get("maxmemory_policy")
    kept = "journal" if told.get("aof_enabled") else "snapshots"
    seen = f"version {version}, {policy}, kept as {kept}"
    if policy != "noeviction":
        raise NotInOrder(
            f"{seen}: it drops messages where memory runs out", "Set maxmemory-policy noeviction where the broker runs"
        )
    if "err" in {told.get("aof_last_write_status"), told.get("rdb_last_bgsave_status")}:
        raise NotInOrder(f"{seen}: its last write to disk failed", "Free room on the disk of the broker")
    return seen


def look_at_database(url: str) -> str:
    """It answers; a file of SQLite is there, in WAL mode."""
    with connected(url) as engine, engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            version = connection.execute(text("SHOW server_version")).scalar_one()
            return f"{engine.dialect.name} {version}"
        mode = connection.execute(text("PRAGMA journal_mode")).scalar_one()
    if mode != "wal":
        raise NotInOrder(
            f"SQLite at {engine.url.database} is in journal mode {mode}: readers and writers lock each other out",
            "Move it to a local disk, since network file systems know no WAL, or use PostgreSQL",
        )
    return f"SQLite at {engine.url.database}, journal mode wal"


def look_at_clock(url: str, most_seconds: float = DRIFT_SECONDS) -> str:
    """Its clock, on which leases run, is near this host's."""
    with connected(url) as engine, Session(engine) as session:
        before = time.time()
        drift_seconds = now(session).timestamp() - (before + time.time()) / 2
    if abs(drift_seconds) > most_seconds:
        raise warning(
            f"{abs(drift_seconds):.1f} s {'ahead of' if drift_seconds > 0 else 'behind'} this host's clock",
            "Have both hosts set their clocks (chrony, systemd-timesyncd); leases run on the database's alone",
        )
    return f"{abs(drift_seconds):.1f} s from this host's"


def look_at_storage(url: str, scratch: Path | None) -> str:
    """A file can be written there, found whole under another name, and deleted."""
    storage = Storage(url, scratch)
    if storage.is_folder and not storage.root.is_dir():
        raise NotInOrder(f"there is no folder {storage.root}", "Make it, or correct TUNEYARD_STORAGE_ROOT")
    storage.root.mkdir(parents=True, exist_ok=True)
    name = f"doctor-{uuid4().hex}"
    draft = storage.root / f".{name}"
    try:
        _write(draft, name)
        if storage.is_folder:
            return _rename(draft, storage.root / name)
        return _send(storage, draft, storage.root / "uploads" / name)
    finally:
        draft.unlink(missing_ok=True)


def look_at_room(folder: Path, least_bytes: float = _LEAST_ROOM_BYTES, enough_bytes: float = ROOM_BYTES) -> str:
    """There is room for checkpoints."""
    free = shutil.disk_usage(_existing(folder)).free
    seen = f"{free / 1e9:.1f} GB free at {folder}"
    advice = "Free room there: `tuneyard admin gc --dry-run` lists what can go"
    if free < least_bytes:
        raise NotInOrder(seen, advice)
    if free < enough_bytes:
        raise warning(seen, advice)
    return seen


@contextmanager
def connected(url: str) -> Iterator[Engine]:
    """An engine that makes no file of SQLite where there is none."""
    parsed = make_url(url)
    path = Path((parsed.database or "").removeprefix("file:"))
    if parsed.get_backend_name() == "sqlite" and not path.is_file():
        raise NotInOrder(f"there is no file {path}", "Make it with `tuneyard up`, or `python -m migrations`")
    engine = make_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def _write(path: Path, content: str) -> None:
    with path.open("w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _rename(draft: Path, place: Path) -> str:
    try:
        draft.rename(place)
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        _demand_same(place.read_text(), place.name)
    finally:
        place.unlink(missing_ok=True)
    return f"{place.parent}: a file was written, synchronised, renamed and read"


def _send(storage: Storage, draft: Path, place: Path) -> str:
    storage.publish(draft, place)
    try:
        with storage.open(place) as file:
            _demand_same(file.read().decode(), place.name)
    finally:
        storage.delete(place)
    return "the bucket took a file, gave it back and deleted it"


def _demand_same(read: str, written: str) -> None:
    if read != written:
        raise NotInOrder("what was written is not what is read", "Look at the disk, or the server, of the storage")


def _existing(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if one.exists())


def main() -> int:
    """Tell what is found; exits with 0 whatever it is."""
    parser = argparse.ArgumentParser(prog="python -m store.doctor", description=__doc__)
    parser.add_argument("--without-broker", action="store_true", help="do not look for one: none is meant to run")
    asked = parser.parse_args()
    try:
        settings = StoreSettings()
    except ValidationError as error:
        wrong = ", ".join(f"TUNEYARD_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        tell([examine("settings", partial(_refuse, wrong), "")])
        return 0
    tell(checks(settings, has_broker=not asked.without_broker))
    return 0


def _refuse(wrong: str) -> str:
    raise NotInOrder(wrong, "Set these variables as docker-compose.yml does")


if __name__ == "__main__":
    sys.exit(main())
