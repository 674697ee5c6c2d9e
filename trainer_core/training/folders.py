"""Folders that are either complete or not there: written under another name, made durable, then moved."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from trainer_core.contract.manifest import Manifest, sync_folder


def write_folder(folder: Path, write: Callable[[Path], None]) -> Manifest:
    """Have `write` fill a folder, add its manifest and give it its name."""
    draft = folder.with_name(f".{folder.name}.draft")
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


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
