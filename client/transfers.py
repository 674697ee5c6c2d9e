"""Uploads and downloads with a bar on a terminal, and a word at their end anywhere."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from client.pieces import OnBytes
from client.printing import age, size, stderr
from client.sync.tuneyard import Tuneyard
from client.views import Artifact, Dataset, Images
from trainer_core.contract.manifest import sha256_of

_NEWEST = 1000


def upload(tuneyard: Tuneyard, path: Path, images: str | None = None) -> Dataset:
    """Upload a dataset, the images that its rows name before it: a zip, a folder, or the id of an earlier upload."""
    images_id = upload_images(tuneyard, Path(images)).id if images is not None and Path(images).exists() else images
    with bar(f"uploading and checking {path.name}", path.stat().st_size) as on_bytes:
        dataset = tuneyard.datasets.upload(path, on_bytes, images=images_id)
    stderr().print(f"Uploaded {escape(str(path))} as {dataset.id}")
    if dataset.unused_keys:
        stderr().print(f"Not used: {escape(', '.join(dataset.unused_keys))}")
    return dataset


def dataset_of(tuneyard: Tuneyard, path: Path) -> Dataset:
    """The dataset of a file: the newest with its name and content, of the newest thousand; else it is uploaded."""
    num_bytes = path.stat().st_size
    digest = cache(sha256_of)  # of a large file it takes a while: once, and only if one may be it
    for dataset in islice(tuneyard.datasets.list(), _NEWEST):
        if (dataset.filename, dataset.num_bytes) == (path.name, num_bytes) and dataset.sha256 == digest(path):
            stderr().print(f"{escape(str(path))} was uploaded {age(dataset.created_at)} ago as {dataset.id}")
            return dataset
    return upload(tuneyard, path)


def upload_images(tuneyard: Tuneyard, path: Path) -> Images:
    """Upload images: one, a zip, or a folder."""
    with TemporaryDirectory() as folder:
        archive = zipped(path, Path(folder) / f"{path.name}.zip") if path.is_dir() else path
        with bar(f"uploading {path.name}", archive.stat().st_size) as on_bytes:
            images = tuneyard.images.upload(archive, on_bytes)
    stderr().print(f"Uploaded {images.num_images} images of {escape(str(path))} as {images.id}")
    return images


def zipped(folder: Path, archive_path: Path) -> Path:
    """A folder's files in a zip, by their paths in it; images are compressed already."""
    with zipfile.ZipFile(archive_path, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return archive_path


def download(tuneyard: Tuneyard, job_id: str, folder: Path) -> Artifact:
    """Download what a job left."""
    num_bytes = tuneyard.jobs.artifact(job_id).num_bytes
    with bar(f"downloading {job_id}", num_bytes) as on_bytes:
        artifact = tuneyard.jobs.download(job_id, folder, on_bytes)
    words = f"{len(artifact.files)} files, {size(num_bytes)}, every checksum verified"
    stderr().print(f"Downloaded to {escape(str(folder))}: {words}")
    return artifact


@contextmanager
def bar(title: str, num_bytes: int | None) -> Iterator[OnBytes]:
    """A bar on a terminal, as long as it lasts; None where nobody knows how much will come."""
    console = stderr()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=num_bytes)
        yield lambda more_bytes: progress.advance(task, more_bytes)
