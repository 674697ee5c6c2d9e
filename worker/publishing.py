"""What a trainer saves goes into the bucket, in a thread, while its runner hears on and keeps its lease.

It knows no database: events go in, and come out in their order, each of a folder once that can be read by all.
"""

import logging
import os
import queue
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from threading import Thread

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from store.files import Storage
from store.remote import StorageFull, StorageUnavailable
from trainer_core.contract.events import (
    CheckpointDeleted,
    CheckpointSaved,
    RunEvent,
    RunSucceeded,
    StepCompleted,
    StorageTroubled,
)
from trainer_core.contract.manifest import Manifest

_TRIES = 3
_PAUSES = wait_exponential(multiplier=2, max=30)
_CLOSE_SECONDS = 10
"""How long the last deletions may take; what is not done then is an orphan."""

log = logging.getLogger(__name__)

Refusal = StorageFull | StorageUnavailable
Said = RunEvent | str


class Publishing:
    """The way of one attempt's events, and of the folders that they tell of.

    Where the storage is a folder, everything comes out as it went in. Else a checkpoint that the storage does not take
    is left out, and the one before it is kept; steps and lines of the log do not wait for what is being published.
    """

    def __init__(self, storage: Storage, run_dir: Path) -> None:
        self._storage = storage
        self._run_dir = run_dir
        self._todo: queue.Queue[Callable[[], Iterable[RunEvent]] | None] = queue.Queue()
        self._ready: queue.SimpleQueue[Said] = queue.SimpleQueue()
        self._published: list[int] = []
        self._unneeded: deque[CheckpointDeleted] = deque()
        self._is_told = False
        self._is_closed = False
        self._thread = Thread(target=self._work, name="publishing", daemon=True)
        self.refusal: Refusal | None = None if storage.is_folder else StorageUnavailable("it was not published")
        """Why nobody else can read the artifact; None once all can."""
        if not storage.is_folder:
            self._thread.start()

    @property
    def is_busy(self) -> bool:
        """True until everything that went in has come out."""
        return self._todo.unfinished_tasks > 0

    def take(self, said: Said) -> None:
        """Take what the trainer says."""
        if self._storage.is_folder:
            self._ready.put(said)
            return
        match said:
            case CheckpointSaved():
                self._todo.put(partial(self._save, said))
            case CheckpointDeleted():
                self._todo.put(partial(self._delete, said))
            case RunSucceeded():
                self._todo.put(partial(self._succeed, said))
            case _ if self.is_busy and not isinstance(said, StepCompleted | str):
                self._todo.put(lambda: [said])
            case _:
                self._ready.put(said)

    def hand_over(self, take: Callable[[Said], None]) -> None:
        """Give away what may be written down now."""
        while not self._ready.empty():
            take(self._ready.get())

    def written(self, said: Iterable[Said]) -> None:
        """Delete the files of checkpoints that no row names any more."""
        if not self._storage.is_folder:
            for one in said:
                if isinstance(one, CheckpointDeleted):
                    self._todo.put(partial(self._forget, one.path))

    def close(self) -> None:
        """Publish nothing more, and clear this host of the run."""
        if self._storage.is_folder:
            return
        self._is_closed = True
        self._todo.put(None)
        self._thread.join(_CLOSE_SECONDS)
        self._storage.forget(self._run_dir)

    def _work(self) -> None:
        while (do := self._todo.get()) is not None:
            try:
                for event in do():
                    self._ready.put(event)
            except Exception:
                log.exception("what was saved could not be published")
            finally:
                self._todo.task_done()
        self._todo.task_done()

    def _save(self, saved: CheckpointSaved) -> Iterator[RunEvent]:
        snapshot = self._run_dir / ".publishing"
        try:
            if not _link(self._run_dir / saved.path, snapshot):
                log.info("the checkpoint of step %d was deleted before its turn came", saved.step)
                return
            if self._publish(snapshot, saved.path) is not None:
                return
        finally:
            shutil.rmtree(snapshot, ignore_errors=True)
        self._published.append(saved.step)
        yield saved
        while self._unneeded:
            yield from self._delete(self._unneeded.popleft())

    def _delete(self, deleted: CheckpointDeleted) -> Iterator[RunEvent]:
        if deleted.step not in self._published:
            return
        if deleted.step == self._published[-1]:  # the newer one was not taken: this is where the job could go on
            self._unneeded.append(deleted)
            return
        self._published.remove(deleted.step)
        yield deleted

    def _succeed(self, succeeded: RunSucceeded) -> Iterator[RunEvent]:
        self.refusal = self._publish(self._run_dir / succeeded.path, succeeded.path)
        yield succeeded

    def _forget(self, path: str) -> Iterator[RunEvent]:
        for place in self._storage.files(self._run_dir / path):
            self._storage.delete(place)
        return iter(())

    def _publish(self, source: Path, path: str) -> Refusal | None:
        """Publish a folder, in several tries; why not, if not."""
        trying = Retrying(
            stop=stop_after_attempt(_TRIES),
            wait=_PAUSES,
            retry=retry_if_exception_type((StorageFull, StorageUnavailable)),
            before_sleep=self._tell,
            reraise=True,
        )
        if self._is_closed:
            return StorageUnavailable("the attempt is over")
        try:
            trying(self._storage.publish, source, self._run_dir / path)
        except FileNotFoundError as error:  # the trainer, or the attempt's end, has deleted it meanwhile
            return StorageUnavailable(f"it is gone: {error}")
        except (StorageFull, StorageUnavailable) as error:
            log.warning("%s is not published: %s", path, error)
            return error
        self._is_told = False
        return None

    def _tell(self, state: RetryCallState) -> None:
        error = state.outcome and state.outcome.exception()
        log.warning("trying again to publish: %s", error)
        if not self._is_told:
            self._is_told = True
            self._ready.put(
                StorageTroubled(
                    type="storage_full" if isinstance(error, StorageFull) else "storage_unavailable",
                    message=f"Not published yet, trying again: {error}",
                )
            )


def _link(folder: Path, snapshot: Path) -> bool:
    """Have a folder's files under another name, where the trainer deletes none; False if some are gone already."""
    shutil.rmtree(snapshot, ignore_errors=True)
    try:
        shutil.copytree(folder, snapshot, copy_function=os.link)
        return all((snapshot / file.path).is_file() for file in Manifest.load(snapshot).files)
    except (FileNotFoundError, shutil.Error):
        return False
