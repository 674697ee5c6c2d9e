"""A trainer's side of saving, and a bucket that takes its time or refuses."""

import shutil
import threading
from pathlib import Path

import pytest
from tenacity import wait_none

from store.files import Storage
from store.leases import Lease
from store.remote import Remote
from tests.patience import PATIENCE_SECONDS
from trainer_core.contract.events import CheckpointDeleted, CheckpointSaved
from trainer_core.contract.manifest import Manifest
from worker import publishing


class Gate:
    """Holds up every upload until it is opened."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.is_reached, self._is_open = threading.Event(), threading.Event()
        put = Remote._put  # noqa: SLF001 - where the server comes in

        def waiting(remote: Remote, source: Path, path: str) -> None:
            self.is_reached.set()
            assert self._is_open.wait(PATIENCE_SECONDS)
            put(remote, source, path)

        patch.setattr(Remote, "_put", waiting)

    def open(self) -> None:
        """Let everything through."""
        self._is_open.set()


class Refusing:
    """Has the storage refuse what has a word in its path, a number of times."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        patch.setattr(publishing, "_PAUSES", wait_none())

    def __call__(self, word: str, error: Exception, times: int = 99) -> None:
        put, left = Remote._put, [times]  # noqa: SLF001 - where the server comes in

        def refusing(remote: Remote, source: Path, path: str) -> None:
            if word in path and left[0]:
                left[0] -= 1
                raise error
            put(remote, source, path)

        self._patch.setattr(Remote, "_put", refusing)


def save(storage: Storage, lease: Lease, step: int) -> CheckpointSaved:
    """Save a checkpoint and say so."""
    path = f"checkpoints/step-{step}"
    folder = storage.run_dir(lease.job_id, lease.attempt) / path
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text(str(step))
    manifest = Manifest.of(folder)
    manifest.save(folder)
    return CheckpointSaved(step=step, epoch=1, path=path, num_bytes=1, manifest_sha256=manifest.sha256, metrics={})


def delete(storage: Storage, lease: Lease, step: int) -> CheckpointDeleted:
    """Delete a checkpoint and say so."""
    path = f"checkpoints/step-{step}"
    shutil.rmtree(storage.run_dir(lease.job_id, lease.attempt) / path)
    return CheckpointDeleted(step=step, path=path)
