"""A file that has come in, in one piece or in parts, becomes one that is kept: looked at as its purpose wants it.

One with faults is kept as well, so that it can be read again; a job on it fails and says what is wrong.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.checking import DatasetRefused, UncheckableDataset
from api.guard import Caller
from api.intake import Arrival, check_images, check_rows
from store import datasets, images, stored_files
from store.file_tables import FileStatus, Purpose, StoredFile
from store.files import Storage
from trainer_core.contract.dataset import DatasetFault, DatasetReport


@dataclass(frozen=True)
class Label:
    """What is said about a file."""

    purpose: Purpose
    filename: str
    lives_seconds: int | None = None
    """After which it is gone."""


@dataclass(frozen=True)
class Filed:
    """A file whose bytes are in place; what is left is to write that down."""

    arrived: Arrival
    label: Label
    places: tuple[Path, ...]
    report: DatasetReport | None = None
    """Of rows or images without a fault."""
    wrong: str | None = None
    faults: tuple[DatasetFault, ...] = ()


async def put(arrived: Arrival, label: Label, caller: Caller) -> Filed:
    """Look at a file and put its bytes in place."""
    report, wrong = None, None
    faults: tuple[DatasetFault, ...] = ()
    try:
        if label.purpose == Purpose.FINE_TUNE:
            report = await check_rows(arrived, caller.parts, caller.project_id, None)
        elif label.purpose == Purpose.VISION:
            report = await check_images(arrived, caller.parts)
    except DatasetRefused as error:
        wrong, faults = str(error), error.report.faults
    except UncheckableDataset as error:
        wrong = str(error)
    storage, project_id = caller.parts.storage, caller.project_id
    places = await run_in_threadpool(_publish, storage, arrived, label.purpose, report, project_id)
    return Filed(arrived, label, places, report, wrong, faults)


def _publish(
    storage: Storage, arrived: Arrival, purpose: Purpose, report: DatasetReport | None, project_id: str
) -> tuple[Path, ...]:
    """Put everything in its place, and tell where that is; the file as it came is the last of it."""
    moves: list[tuple[Path, Path]]
    if report is None:
        moves = [(arrived.path, storage.file_path(arrived.file_id))]
    elif purpose == Purpose.VISION:
        moves = [(arrived.path, storage.images_path(project_id, arrived.file_id))]
    elif report.is_converted:
        moves = [
            (arrived.rows_path, storage.dataset_path(arrived.file_id)),
            (arrived.path, storage.file_path(arrived.file_id)),
        ]
    else:
        moves = [(arrived.path, storage.dataset_path(arrived.file_id))]
    for source, place in moves:
        storage.publish(source, place)
    return tuple(place for _, place in moves)


def record(session: Session, storage: Storage, filed: Filed) -> StoredFile:
    """Write a file down whose bytes are in place: a row never names a file that is not there."""
    arrived, label = filed.arrived, filed.label
    received: dict[str, Any] = {"num_bytes": arrived.received.num_bytes, "sha256": arrived.received.sha256}
    said: dict[str, Any] = {"filename": label.filename, "lives_seconds": label.lives_seconds}
    path = filed.places[-1].relative_to(storage.root).as_posix()
    if filed.report is None:
        return stored_files.add(
            session,
            file_id=arrived.file_id,
            purpose=label.purpose,
            path=path,
            status=FileStatus.ERROR if filed.wrong else FileStatus.PROCESSED,
            status_details=filed.wrong,
            faults=filed.faults,
            **received,
            **said,
        )
    if label.purpose == Purpose.VISION:
        images.add(session, images_id=arrived.file_id, num_images=filed.report.num_images, **received, **said)
    else:
        datasets.add(session, dataset_id=arrived.file_id, report=filed.report, path=path, **received, **said)
    return stored_files.get(session, arrived.file_id)


def withdraw(storage: Storage, filed: Filed) -> None:
    """Delete what was put in place for nothing: another request has made this file."""
    for place in filed.places:
        storage.delete(place)
