"""Files in a bucket of S3, or of what speaks it, by their keys. It knows no layout and no table.

What is uploaded as a folder ends with its manifest, and what is deleted begins with it: half a folder has none.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast
from uuid import uuid4

from fsspec.config import conf
from fsspec.core import url_to_fs

from trainer_core.contract.manifest import MANIFEST

_PART_BYTES = 16 << 20
"""Of one part of a large file; memory holds `_PARTS_AT_ONCE` of them."""
_PARTS_AT_ONCE = 4
_MAX_PARTS = 10_000
_READ_AHEAD_BYTES = 4 << 20
_RETRIES = {"mode": "standard", "max_attempts": 2}
"""Of one request, by botocore; s3fs tries five times on top of that where an answer breaks off or is «slow down»."""
_FULL = ("QuotaExceeded", "StorageFull", "InsufficientStorage")
"""How servers end the code that says so; S3 of Amazon is never full."""


class StorageUnavailable(Exception):
    """The storage does not answer, or refuses to do what it was asked."""


class StorageFull(Exception):
    """The storage has no room for the file."""

    def __init__(self) -> None:
        super().__init__("the storage has no room for the file; nothing of it was kept")


class Remote:
    """A bucket's prefix, as `s3://bucket/prefix` names it; keys are relative to it.

    Endpoint and credentials are where every client of S3 looks for them, `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, …;
    `FSSPEC_S3` has whatever else s3fs takes, as JSON.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith("s3://"):
            raise ValueError(f"{url}: the storage is a folder, or s3://bucket/prefix")
        self._files, self._prefix = url_to_fs(
            url.rstrip("/"),
            use_listings_cache=False,  # others write to the bucket too
            max_concurrency=_PARTS_AT_ONCE,
            config_kwargs={
                "retries": _RETRIES,
                "signature_version": "s3v4",
                **conf.get("s3", {}).get("config_kwargs", {}),
            },
        )

    def upload(self, source: Path, key: str) -> None:
        """Upload a file, or a folder whose manifest comes last: whoever reads the manifest finds everything.

        Raises:
            FileNotFoundError: There is nothing at `source`.
            StorageFull, StorageUnavailable: Not all of it was taken.
        """
        if not source.is_dir():
            self._put(source, self._path(key))
            return
        files = [path for path in source.rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: (path == source / MANIFEST, path)):
            self._put(path, self._path(f"{key}/{path.relative_to(source).as_posix()}"))

    def download(self, key: str, target: Path) -> None:
        """Download a file or a folder; it is at `target` at once and whole, or not at all.

        Raises:
            FileNotFoundError: There is nothing under this key.
            StorageUnavailable: Not all of it came.
        """
        found = self._find(key)
        if not found:
            raise FileNotFoundError(key)
        draft = target.with_name(f".{target.name}.{uuid4().hex}.draft")
        try:
            for path, size in found.items():
                self._get(path, draft / path.removeprefix(self._path(key)).lstrip("/"), size)
            _put_in_place(draft, target)
        finally:
            shutil.rmtree(draft, ignore_errors=True) if draft.is_dir() else draft.unlink(missing_ok=True)

    def open(self, key: str) -> IO[bytes]:
        """A file to read from; memory holds a few megabytes of it."""
        with _told():
            return cast(
                "IO[bytes]",
                self._files.open(self._path(key), "rb", block_size=_READ_AHEAD_BYTES, cache_type="readahead"),
            )

    def url(self, key: str, seconds: int, **headers: str) -> str:
        """Where whoever has this URL reads a file for so many seconds, without credentials.

        Args:
            headers: What the answer is to say: `ContentType`, `ContentDisposition`.
        """
        said = {f"Response{name}": value for name, value in headers.items()}
        with _told():
            return str(self._files.url(self._path(key), expires=seconds, **said))

    def stat(self, key: str) -> os.stat_result:
        """Size and time of a file."""
        with _told():
            info = self._files.info(self._path(key))
        if info["type"] != "file":
            raise FileNotFoundError(key)
        changed_at = int(info["LastModified"].timestamp())
        return os.stat_result((0o100400, 0, 0, 1, 0, 0, info["size"], changed_at, changed_at, changed_at))

    def keys(self, key: str) -> list[str]:
        """Keys of all files below a key, or the key itself if it is a file's; the manifest first."""
        found = [path.removeprefix(f"{self._prefix}/") for path in self._find(key)]
        return sorted(found, key=lambda one: (one != f"{key}/{MANIFEST}", one))

    def folders(self, key: str) -> list[str]:
        """Names of the folders right below a key."""
        try:
            with _told():
                infos = self._files.ls(self._path(key), detail=True)
        except FileNotFoundError:
            return []
        return [info["name"].rpartition("/")[2] for info in infos if info["type"] == "directory"]

    def delete(self, key: str) -> None:
        """Delete a file; one that is gone already is no fault."""
        with _told():
            self._files.rm_file(self._path(key))

    def version(self, key: str) -> str:
        """A word for what a folder holds now; it changes with its files."""
        with _told():
            infos = self._files.find(self._path(key), detail=True)
        described = sorted(f"{path} {info['size']} {info['ETag']}" for path, info in infos.items())
        return hashlib.sha256("\n".join(described).encode()).hexdigest()[:16]

    def is_there(self) -> bool:
        """True if the bucket answers."""
        return bool(self._files.exists(self._prefix.partition("/")[0]))

    def _path(self, key: str) -> str:
        return f"{self._prefix}/{key}"

    def _find(self, key: str) -> dict[str, int]:
        """Paths and sizes."""
        with _told():
            infos: dict[str, Any] = self._files.find(self._path(key), detail=True)
        return {path: info["size"] for path, info in infos.items() if _is_file(path)}

    def _put(self, source: Path, path: str) -> None:
        part_bytes = max(_PART_BYTES, -(-source.stat().st_size // _MAX_PARTS))
        with _told():
            self._files.put_file(str(source), path, chunksize=part_bytes)

    def _get(self, path: str, target: Path, size: int) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _told():
            self._files.get_file(path, str(target), chunksize=_PART_BYTES)
        if target.stat().st_size != size:
            raise StorageUnavailable(f"{path} has {size} bytes, but {target.stat().st_size} came")


def _is_file(path: str) -> bool:
    """False for what stands for a folder in some tools, and for what would lead out of one here."""
    return not path.endswith("/") and ".." not in path.split("/")


def _put_in_place(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError as error:
        # A folder that another has put there meanwhile: it is the same.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


@contextmanager
def _told() -> Iterator[None]:
    """Say in our words what a library says in many."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        if _is_full(error):
            raise StorageFull from error
        raise StorageUnavailable(
            f"the storage does not do what it was asked: {error or type(error).__name__}"
        ) from error


def _is_full(error: Exception) -> bool:
    answer = getattr(error.__cause__, "response", None) or {}
    code = str(answer.get("Error", {}).get("Code", ""))
    return code.endswith(_FULL) or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
