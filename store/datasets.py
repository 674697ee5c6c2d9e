"""Uploaded datasets."""

from sqlalchemy import insert
from sqlalchemy.orm import Session

from store.clock import from_now
from store.database import owner
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
) -> Dataset:
    """Record a dataset whose file is in place."""
    session.execute(
        insert(Dataset).values(
            id=dataset_id,
            project_id=owner(session),
            filename=filename,
            num_bytes=num_bytes,
            sha256=sha256,
            form=report.form,
            num_rows=report.num_rows,
            num_images=report.num_images,
            unused_keys=report.unused_keys,
            created_at=from_now(),
        )
    )
    return get(session, dataset_id)


def get(session: Session, dataset_id: str) -> Dataset:
    """The dataset with this id.

    Raises:
        DatasetNotFound: There is none.
    """
    dataset = session.get(Dataset, dataset_id)
    if dataset is None:
        raise DatasetNotFound(dataset_id)
    return dataset
