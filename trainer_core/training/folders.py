"""Folders that are either complete or not there: written under another name, made durable, then moved."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from trainer_core.contract.manifest import Manifest, sync_folder

_DRAFT = ".{}.draft"


def write_folder(folder: Path, write: Callable[[Path], None]) -> Manifest:
    """Have `write` fill a folder, add its manifest and give it its name."""
    draft = folder.with_name(_DRAFT.format(folder.name))
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        write(draft)
        for path in draft.rglob("*"):
            _sync(path)
        manifest = Manifest.of(draft)
        manifest.save(draft)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    sync_folder(folder.parent)
    return manifest


def forget_drafts(parent: Path) -> None:
    """Delete what folders a process that was killed left half written."""
    for draft in parent.glob(_DRAFT.format("*")):
        shutil.rmtree(draft, ignore_errors=True)


def link_files(source: Path, folder: Path) -> None:
    """Have the files of one folder in another too, without a copy where the storage can do that."""
    shutil.copytree(source, folder, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def contents_of(write: Callable[[str], object]) -> dict[str, bytes]:
    """Files that something writes into a folder, by their paths there."""
    with TemporaryDirectory() as folder:
        write(folder)
        paths = [path for path in Path(folder).rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
