"""Uploads and downloads with a bar on a terminal, and a word at their end anywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from client.download import OnBytes
from client.printing import size, stderr
from client.tuneyard import Tuneyard
from client.views import Artifact, Dataset


def upload(tuneyard: Tuneyard, path: Path) -> Dataset:
    """Upload a dataset."""
    with _bar(f"uploading and checking {path.name}", path.stat().st_size) as on_bytes:
        dataset = tuneyard.upload(path, on_bytes)
    stderr().print(f"Uploaded {escape(str(path))} as {dataset.id}")
    return dataset


def download(tuneyard: Tuneyard, job_id: str, folder: Path) -> Artifact:
    """Download what a job left."""
    num_bytes = tuneyard.artifact(job_id).num_bytes
    with _bar(f"downloading {job_id}", num_bytes) as on_bytes:
        artifact = tuneyard.download(job_id, folder, on_bytes)
    words = f"{len(artifact.files)} files, {size(num_bytes)}, every checksum verified"
    stderr().print(f"Downloaded to {escape(str(folder))}: {words}")
    return artifact


@contextmanager
def _bar(title: str, num_bytes: int) -> Iterator[OnBytes]:
    console = stderr()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=num_bytes)
        yield lambda more_bytes: bar.advance(task, more_bytes)
