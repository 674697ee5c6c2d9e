"""Uploaded datasets."""

from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from store import stored_files
from store.clock import from_now
from store.database import owner
from store.file_tables import Purpose
from store.tables import Dataset
from trainer_core.contract.dataset import DatasetReport


class DatasetNotFound(Exception):
    """No dataset has this id."""

    def __init__(self, dataset_id: str) -> None:
        super().__init__(f"no dataset has the id {dataset_id!r}; upload it first with POST /datasets")
        self.dataset_id = dataset_id


def add(
    session: Session,
    *,
    dataset_id: str,
    filename: str,
    num_bytes: int,
    sha256: str,
    report: DatasetReport,
    path: str | None = None,
    lives_seconds: int | None = None,
) -> Dataset:
    """Record a dataset whose file is in place.

    Args:
        path: Of the file as it came, below the root of the storage; None where its rows are kept so.
        lives_seconds: After which it is gone.
    """
    file: dict[str, Any] = {"filename": filename, "num_bytes": num_bytes, "sha256": sha256}
    path = path or f"datasets/{dataset_id}.jsonl"
    stored_files.add(
        session, file_id=dataset_id, purpose=Purpose.FINE_TUNE, path=path, lives_seconds=lives_seconds, **file
    )
    session.execute(
        insert(Dataset).values(
            id=dataset_id,
            project_id=owner(session),
            form=report.form,
            num_rows=report.num_rows,
            num_images=report.num_images,
            unused_keys=report.unused_keys,
            created_at=from_now(),
            **file,
        )
    )
    return get(session, dataset_id)


def get(session: Session, dataset_id: str) -> Dataset:
    """The dataset with this id.

    Raises:
        DatasetNotFound: There is none.
    """
    dataset = stored_files.described(session, Dataset, dataset_id)
    if dataset is None:
        raise DatasetNotFound(dataset_id)
    return dataset
