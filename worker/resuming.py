"""Where an attempt goes on: the newest checkpoint of its job that is what its manifest says. It knows no database."""

import logging
from collections.abc import Sequence
from pathlib import Path

from store.files import Storage
from store.tables import Checkpoint
from trainer_core.contract.manifest import Manifest

log = logging.getLogger(__name__)


def newest_checkpoint(storage: Storage, found: Sequence[Checkpoint]) -> Path | None:
    """Have the newest whole checkpoint on this host.

    Those of the same attempt come with it: the one of the best evaluation may be among them.

    Args:
        storage: Where they were published.
        found: The checkpoints of a job, newest first.

    Raises:
        StorageFull, StorageUnavailable: Not all of it came.
    """
    for position, one in enumerate(found):
        folder = _whole(storage, one)
        if folder is not None:
            if not storage.is_folder:
                for other in found[position + 1 :]:
                    if other.attempt == one.attempt:
                        _whole(storage, other)
            return folder
    return None


def _whole(storage: Storage, one: Checkpoint) -> Path | None:
    """The folder of a checkpoint; None if anything in it is not what it was."""
    folder = storage.run_dir(one.job_id, one.attempt) / one.path
    try:
        manifest = Manifest.load(storage.fetch(folder))
        if manifest.sha256 == one.manifest_sha256 and manifest.is_true_of(folder):
            return folder
    except (FileNotFoundError, ValueError):
        pass
    log.warning("checkpoint %s is not whole, looking for the one before", folder)
    storage.forget(folder)
    return None
