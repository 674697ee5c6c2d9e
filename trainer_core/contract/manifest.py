"""A folder's table of contents with checksums: written last, so that a folder with one is complete."""

import hashlib
import os
from pathlib import Path
from typing import Self

from trainer_core.contract.closed import Closed

MANIFEST = "manifest.json"


class ManifestFile(Closed):
    """One file of an artifact or a checkpoint."""

    path: str
    """Relative to the folder, with forward slashes."""
    num_bytes: int
    sha256: str


class Manifest(Closed):
    """Every file of a folder."""

    version: int = 1
    files: tuple[ManifestFile, ...]

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Read and hash every file below `folder`, a manifest of its own left out."""
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
        return cls(files=tuple(_describe(path, folder) for path in paths))

    @property
    def num_bytes(self) -> int:
        """Size of all files together."""
        return sum(file.num_bytes for file in self.files)

    @property
    def sha256(self) -> str:
        """Checksum of the manifest itself, as `save` writes it: one word for the whole folder."""
        return hashlib.sha256(self._encoded).hexdigest()

    @property
    def _encoded(self) -> bytes:
        return self.model_dump_json(indent=1).encode()

    def save(self, folder: Path) -> None:
        """Write `manifest.json` into `folder`, durably and in one move."""
        draft = folder / f".{MANIFEST}"
        with draft.open("wb") as file:
            file.write(self._encoded)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(folder / MANIFEST)
        sync_folder(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the manifest of `folder`; `FileNotFoundError` means that the folder is not complete."""
        return cls.model_validate_json((folder / MANIFEST).read_bytes())

    def is_true_of(self, folder: Path) -> bool:
        """True if every file is there with its size and checksum."""
        return all(
            (folder / file.path).is_file() and _describe(folder / file.path, folder) == file for file in self.files
        )


def sha256_of(path: Path) -> str:
    """Checksum of a file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _describe(path: Path, folder: Path) -> ManifestFile:
    return ManifestFile(path=path.relative_to(folder).as_posix(), num_bytes=path.stat().st_size, sha256=sha256_of(path))
