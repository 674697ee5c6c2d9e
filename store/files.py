"""Shared storage: where datasets, base models and what runs leave lie. It knows no table."""

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from store.remote import Remote

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")
HUB_ID = re.compile(f"{_NAME.pattern}/{_NAME.pattern}")
_OLD_SECONDS = 24 * 3600
"""After which an upload that is still coming in has been given up, and a copy that no job uses is not kept."""

_UNREAD_SECONDS = 30 * 24 * 3600


class BaseModelNotFound(Exception):
    """No registered base model has this name, and it is no hub id that may be used."""


class Storage:
    """What API and workers share: a folder, or a bucket.

    ```
    root/datasets/file-….jsonl
    root/models/starter/                  a registered base model: a Hugging Face folder, or a link to one
    root/jobs/ftjob-…/attempt-1/          a run folder, written by one attempt only
    root/images/proj_…/file-…             an uploaded image, or a zip of them
    root/files/file-…                     a file that is neither rows nor images, or rows as they came
    root/uploads/file-…/                  a file on its way in, and what is made of it
    root/tensorboard/proj_…/ftjob-…/      the event file of a job that asks for one: a log folder of TensorBoard's
    root/cache/proj_…/                    what runs need not do again; never in the bucket, and may be deleted
    ```

    A place is a path below `root`. Where the storage is a folder, that is `root`: things are in their places, and there
    is nothing to publish or to fetch. Else `root` is a folder of this host with drafts and copies, and what is
    published lies under the same path in the bucket.

    Args:
        url: A folder, or `s3://bucket/prefix`.
        scratch: Folder for drafts and copies; only a bucket needs one.
    """

    def __init__(self, url: str | Path, scratch: Path | None = None) -> None:
        is_folder = isinstance(url, Path) or "://" not in url
        self._remote = None if is_folder else Remote(str(url))
        self.root = Path(url).absolute() if is_folder else (scratch or _own_scratch(str(url))).absolute()

    @property
    def is_folder(self) -> bool:
        """True if everything published is in its place on this host."""
        return self._remote is None

    def prepare(self) -> None:
        """Make the folders, and clear away what uploads that broke off have left."""
        for name in ("datasets", "files", "images", "models", "jobs", "uploads"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.forget_uploads()

    def forget_uploads(self) -> None:
        """Delete files that have been on their way in for a day."""
        for folder in (self.root / "uploads").iterdir():
            if _is_old(folder):
                _delete(folder)

    def is_ready(self) -> bool:
        """True if the storage answers."""
        return (self.root / "datasets").is_dir() and (self._remote is None or self._remote.is_there())

    def upload_dir(self, file_id: str) -> Path:
        """Folder of a file while it comes in and is checked."""
        return self.root / "uploads" / file_id

    def dataset_path(self, dataset_id: str) -> Path:
        """Place of the rows of a checked dataset."""
        return self.root / "datasets" / f"{dataset_id}.jsonl"

    def file_path(self, file_id: str) -> Path:
        """Place of a file as it came, where that is not the place of its rows or its images."""
        return self.root / "files" / file_id

    def images_path(self, project_id: str, images_id: str) -> Path:
        """Place of an uploaded image, or a zip of them."""
        return self.images_dir(project_id) / images_id

    def cache_dir(self, project_id: str) -> Path:
        """Folder of what a project's runs share and can make again: no hit tells it what others have."""
        return self.root / "cache" / project_id

    def images_dir(self, project_id: str) -> Path:
        """Folder of a project's uploaded images; its rows name them, and nobody else's."""
        return self.root / "images" / project_id

    def run_dir(self, job_id: str, attempt: int) -> Path:
        """Folder of one attempt."""
        return self.root / "jobs" / job_id / f"attempt-{attempt}"

    def event_file(self, project_id: str, job_id: str) -> Path:
        """Place of what TensorBoard shows of a job; `tensorboard --logdir` takes the project's folder."""
        return self.root / "tensorboard" / project_id / job_id / f"events.out.tfevents.{job_id}"

    def publish(self, source: Path, place: Path) -> None:
        """Make a local file or folder readable for all, in its place; a folder's manifest comes last.

        Raises:
            StorageFull, StorageUnavailable: Not all of it was taken.
        """
        if self._remote is not None:
            self._remote.upload(source, self._key(place))
        elif source != place:
            place.parent.mkdir(exist_ok=True)
            source.rename(place)

    def fetch(self, place: Path) -> Path:
        """Have a published file or folder, which never changes, in its place on this host.

        Raises:
            FileNotFoundError: Nothing was published there.
            StorageUnavailable: Not all of it came.
        """
        if self._remote is not None:
            self._have(self._key(place), place)
        return place

    def copy(self, place: Path, target: Path) -> None:
        """Copy a published file out of a bucket; see `fetch`."""
        assert self._remote is not None
        self._remote.download(self._key(place), target)

    def open(self, place: Path) -> IO[bytes]:
        """A published file to read from."""
        return place.open("rb") if self._remote is None else self._remote.open(self._key(place))

    def url(self, place: Path, seconds: int, **headers: str) -> str:
        """Where a published file in a bucket can be read for a while by whoever has this URL; see `Remote.url`."""
        assert self._remote is not None
        return self._remote.url(self._key(place), seconds, **headers)

    def stat(self, place: Path) -> os.stat_result:
        """Size and time of a published file."""
        return place.stat() if self._remote is None else self._remote.stat(self._key(place))

    def files(self, place: Path) -> list[Path]:
        """Places of all published files below a place; of what has a manifest, that comes first."""
        if self._remote is not None:
            return [self.root / key for key in self._remote.keys(self._key(place))]
        return [path for path in place.rglob("*") if path.is_symlink() or not path.is_dir()]

    def delete(self, place: Path) -> None:
        """Delete a published file."""
        if self._remote is not None:
            self._remote.delete(self._key(place))
            return
        place.unlink(missing_ok=True)
        for folder in place.relative_to(self.root).parents[:-3]:  # a job's folder stays, for its next attempt
            with suppress(OSError):  # others still lie there
                (self.root / folder).rmdir()

    def is_old(self, place: Path) -> bool:
        """True if a published file has been there for a day."""
        return _has_age(lambda: self.stat(place), _OLD_SECONDS)

    def unread_cache(self) -> list[Path]:
        """Entries of this host's caches that no run has read for a month; any may be deleted at any time."""
        entries = (path for path in (self.root / "cache").rglob("*") if path.is_file())
        return [path for path in entries if _has_age(path.stat, _UNREAD_SECONDS)]

    def forget_job(self, job_id: str) -> None:
        """Delete what this host still has of the folders of a job that is no more."""
        _delete(self.root / "jobs" / job_id)

    def forget(self, place: Path) -> None:
        """Delete this host's copy of what lies in a bucket."""
        if self._remote is not None:
            _delete(place)

    def forget_copies(self, in_use: set[str]) -> None:
        """Delete this host's copies of what lies in a bucket, but for what is in use or was fetched within a day.

        Args:
            in_use: Names of jobs, datasets and base models.
        """
        if self._remote is None:
            return
        for copy in (*(self.root / "datasets").iterdir(), *self._models.glob("*/*"), *(self.root / "jobs").iterdir()):
            if copy.name.removesuffix(".jsonl") not in in_use and _is_old(copy):
                _delete(copy)

    def base_models(self) -> list[str]:
        """Names of the registered base models."""
        # A folder in the making begins with a dot, so it has no name yet.
        found = (
            [path.name for path in self._models.iterdir()] if self._remote is None else self._remote.folders("models")
        )
        return sorted(name for name in found if _NAME.fullmatch(name) and self._is_model(name))

    def base_model(self, name: str, *, hub_models: bool) -> Path | str:
        """What a base model's name means: the place of a folder, or a hub id.

        Raises:
            BaseModelNotFound: It is neither registered nor a hub id that may be used.
        """
        if _NAME.fullmatch(name) and self._is_model(name):
            return self._models / name
        if hub_models and HUB_ID.fullmatch(name) and ".." not in name:
            return name
        known = ", ".join(self.base_models()) or "none"
        hint = ", or give a Hugging Face hub id (organisation/name)" if hub_models else ""
        raise BaseModelNotFound(f"no base model {name!r}; registered: {known}{hint}")

    def fetch_base_model(self, place: Path) -> Path:
        """Have a registered base model on this host, as it is now: its name may come to mean other files."""
        if self._remote is None:
            return place
        copy = place.parent / self._remote.version(self._key(place)) / place.name
        self._have(self._key(place), copy)
        return copy

    def _have(self, key: str, copy: Path) -> None:
        assert self._remote is not None
        if copy.exists():
            os.utime(copy)  # it is in use again
        else:
            self._remote.download(key, copy)

    @property
    def _models(self) -> Path:
        return self.root / "models"

    def _is_model(self, name: str) -> bool:
        with suppress(FileNotFoundError, NotADirectoryError):
            return bool(self.stat(self._models / name / "config.json"))
        return False

    def _key(self, place: Path) -> str:
        return place.relative_to(self.root).as_posix()


def _is_old(path: Path) -> bool:
    return _has_age(path.stat, _OLD_SECONDS)


def _has_age(stat: Callable[[], os.stat_result], seconds: float) -> bool:
    """True if a file has not changed for so long; False if it is gone."""
    try:
        return stat().st_mtime < time.time() - seconds
    except FileNotFoundError:
        return False


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _own_scratch(url: str) -> Path:
    """A folder below the system's temp that is nobody else's."""
    own = Path(tempfile.gettempdir()) / f"tuneyard-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    if own.lstat().st_uid != os.getuid():
        raise PermissionError(f"{own} belongs to another user; set TUNEYARD_SCRATCH_DIR")
    return own / hashlib.sha256(url.encode()).hexdigest()[:16]
