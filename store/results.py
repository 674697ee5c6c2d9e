"""What a job that has succeeded leaves as files: its metrics as CSV, and every file of its artifact."""

import csv
import hashlib
from functools import partial
from io import StringIO
from pathlib import PurePosixPath

from sqlalchemy.orm import Session

from store import metrics, stored_files
from store.file_tables import Purpose
from store.tables import Job
from trainer_core.contract.manifest import Manifest

HEADER = ("step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy")
_SERIES = {
    "train_loss": "loss",
    "train_accuracy": "rewards/accuracies",
    "valid_loss": "eval_loss",
    "valid_mean_token_accuracy": "eval_token_accuracy",
}
"""Where the numbers of a column come from; what is not measured stays empty."""
_FILENAME = "step_metrics.csv"
_MAX_POINTS = 100_000
"""Of a series in the file; of longer ones extremes are kept."""


def metrics_csv(session: Session, job_id: str) -> bytes:
    """The metrics of a job, a step a line."""
    rows: dict[int, dict[str, float]] = {}
    for column, name in _SERIES.items():
        for series in metrics.read(session, job_id, names=[name], max_points=_MAX_POINTS):
            for step, value in zip(series.steps, series.values, strict=True):
                rows.setdefault(step, {})[column] = value
    written = StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows([step, *(rows[step].get(column, "") for column in HEADER[1:])] for step in sorted(rows))
    return written.getvalue().encode()


def record(session: Session, job: Job, place: PurePosixPath, manifest: Manifest) -> None:
    """Record the files of a job.

    Args:
        session: Writes.
        job: The job.
        place: Of its artifact, below the root of the storage.
        manifest: Of its artifact.
    """
    text = metrics_csv(session, job.id)
    add = partial(
        stored_files.add, session, purpose=Purpose.FINE_TUNE_RESULTS, job_id=job.id, project_id=job.project_id
    )
    add(filename=_FILENAME, num_bytes=len(text), sha256=hashlib.sha256(text).hexdigest(), path="")
    for file in manifest.files:
        path = str(place / file.path)
        add(filename=file.path[-255:], num_bytes=file.num_bytes, sha256=file.sha256, path=path)
