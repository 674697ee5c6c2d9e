"""Uploaded datasets."""

from collections.abc import Sequence

from sqlalchemy import insert, select
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
    stored_files.add(
        session,
        file_id=dataset_id,
        purpose=Purpose.FINE_TUNE,
        filename=filename,
        num_bytes=num_bytes,
        sha256=sha256,
        path=path or f"datasets/{dataset_id}.jsonl",
        lives_seconds=lives_seconds,
    )
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
    dataset = session.scalar(select(Dataset).where(Dataset.id == dataset_id, stored_files.is_kept(Dataset.id)))
    if dataset is None:
        raise DatasetNotFound(dataset_id)
    return dataset


def page(session: Session, *, after: str | None, limit: int) -> Sequence[Dataset]:
    """Those older than `after`, newest first."""
    statement = select(Dataset).where(stored_files.is_kept(Dataset.id)).order_by(Dataset.id.desc()).limit(limit)
    if after is not None:
        statement = statement.where(Dataset.id < after)
    return session.scalars(statement).all()


def delete(session: Session, dataset_id: str) -> None:
    """Have a dataset be gone.

    Raises:
        DatasetNotFound: There is none.
        FileInUse: A job that has not ended needs it.
    """
    stored_files.delete(session, get(session, dataset_id).id)
