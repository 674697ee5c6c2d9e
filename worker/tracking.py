"""`python -m worker.tracking`: tell jobs to trackers and to the hub, until told to end. Composition root.

Any number of these may run beside each other: each job is told to each target by one.
"""

import logging
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from huggingface_hub.utils.tqdm import disable_progress_bars

from store import trackings
from store.database import UNAVAILABLE, Database
from store.files import Storage
from store.trackings import Claim
from telemetry import logs
from trainer_core.contract.integrations import PushToHub
from worker.beside import await_all
from worker.following import Following
from worker.settings import TrackingSettings
from worker.trackers import opening

_LOOK_SECONDS = 2.0
_CLAIM_SECONDS = 60.0
"""How long a claim lasts without a renewal."""
_MAX_AT_ONCE = 200
"""Targets told at the same time, each by a thread that waits nearly always."""
_LEAVE_SECONDS = 30.0
"""How long all that is on its way may take at the end; what is cut off is told again by another."""

_SCRATCH = "tuneyard-tracking-"
ALIVE = Path(tempfile.gettempdir()) / "tuneyard-tracking.alive"
"""Touched by every look that came through: its age tells a container's health."""

log = logging.getLogger(__name__)


class Trackings:
    """What this process tells."""

    def __init__(self, settings: TrackingSettings, database: Database, storage: Storage, folder: Path) -> None:
        self._settings = settings
        self._database = database
        self._storage = storage
        self._folder = folder
        self._kinds = _kinds(settings)
        self._stopping = threading.Event()
        self._held: list[tuple[Claim, threading.Thread]] = []

    def run(self) -> None:
        """Look for what is due until stopped."""
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.look()
                ALIVE.touch()
            except UNAVAILABLE as error:
                log.warning("the database does not answer, trackers wait for it: %s", error)
        await_all([thread for _, thread in self._held], _LEAVE_SECONDS)

    def stop(self, *_: object) -> None:
        """Let go of everything (a signal handler)."""
        self._stopping.set()

    def look(self) -> None:
        """Begin to tell what is due, and keep what is told already."""
        self._held = [(claim, thread) for claim, thread in self._held if thread.is_alive()]
        for claim in self._claim():
            following = Following(
                self._settings, self._database, self._storage, str(self._folder), claim, self._stopping
            )
            thread = threading.Thread(target=following.run, name=claim.tracking_id, daemon=True)
            thread.start()
            self._held.append((claim, thread))

    def _claim(self) -> list[Claim]:
        with self._database.reading() as session:
            is_due = trackings.is_anything_due(session, self._kinds)
        if not is_due and not self._held:
            return []
        with self._database.writing() as session:
            trackings.renew(session, [claim for claim, _ in self._held], _CLAIM_SECONDS)
            room = _MAX_AT_ONCE - len(self._held)
            return trackings.claim(session, self._kinds, seconds=_CLAIM_SECONDS, limit=room)


def _kinds(settings: TrackingSettings) -> tuple[str, ...]:
    """Whom this process can tell."""
    return (*settings.integrations, *([PushToHub.model_fields["type"].default] if settings.push_namespaces else []))


def main() -> int:
    """Tell until SIGTERM."""
    settings = TrackingSettings()
    logs.configure("tracking", settings.log_format, settings.log_level)
    try:
        opening.check(settings.integrations)
    except opening.NotReady as error:
        log.error("%s", error)  # noqa: TRY400 - its words say all
        return 1
    disable_progress_bars()
    if settings.scratch_dir:
        settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    # Of its own: it deletes copies that a worker of this host may be reading. What hangs at the end may write on.
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=settings.scratch_dir, ignore_cleanup_errors=True) as scratch:
        storage = Storage(settings.storage_root, Path(scratch))
        folder = Path(os.environ.get("WANDB_DIR") or storage.root / "wandb")
        folder.mkdir(parents=True, exist_ok=True)
        told = Trackings(settings, Database(settings.database_url), storage, folder)
        signal.signal(signal.SIGTERM, told.stop)
        told.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
