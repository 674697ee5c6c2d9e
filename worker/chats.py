"""Chats are answered on a slot that is free, until nobody chats any more or a job needs the slot: one process a worker.

It knows nothing of Celery and nothing of models.
"""

import logging
import os
import threading
from functools import partial

from store import completions
from store.database import Database
from store.doorbell import Bell, Doorbell
from store.files import Storage
from worker import answerer
from worker.answering import Answering, MakeWay
from worker.attempt import Attempts
from worker.reporter import BrokenDown
from worker.settings import WorkerSettings
from worker.slots import Held, Slots
from worker.warm import Warm

log = logging.getLogger(__name__)


class Chats:
    """What this worker answers."""

    def __init__(
        self,
        settings: WorkerSettings,
        database: Database,
        storage: Storage,
        doorbell: Doorbell,
        warm: Warm,
        attempts: Attempts,
        slots: Slots,
    ) -> None:
        self._settings = settings
        self._database = database
        self._storage = storage
        self._doorbell = doorbell
        self._warm = warm
        self._attempts = attempts
        self._slots = slots
        self._one = threading.Lock()
        self._rung = threading.Event()
        self._stopping = threading.Event()

    @property
    def is_idle(self) -> bool:
        """True if no process is there to answer."""
        return not self._one.locked()

    def run_due(self) -> None:
        """Answer chats until none comes any more; whoever is at it is told that there may be more."""
        self._rung.set()
        if not self._one.acquire(blocking=False):
            return
        try:
            self._run()
        finally:
            self._one.release()

    def stop(self) -> None:
        """Answer nothing more; what is unfinished is for others."""
        self._stopping.set()
        self._rung.set()
        self._one.acquire(timeout=self._settings.kill_grace_seconds)

    def _run(self) -> None:
        with self._database.reading() as session:
            is_due = completions.is_anything_due(session)
        held = self._attempts.lend() if is_due and not self._stopping.is_set() else None
        if held is None:
            return
        with held:
            log.info("chats are answered on %s", ", ".join(held.names))
            self._answer_on(held)
            log.info("chats have left %s", ", ".join(held.names))
        self._doorbell.ring(Bell.JOBS)

    def _answer_on(self, held: Held) -> None:
        environment = os.environ | self._slots.visible_gpus(held)
        start = partial(answerer.start, self._warm, environment, held.fds)
        must_end = partial(self._must_end, held)
        try:
            Answering(self._settings, self._database, self._storage, start, must_end, self._rung).run()
        except BrokenDown as error:
            log.warning("%s", error)
        except MakeWay:
            log.info("chats make way")

    def _must_end(self, held: Held) -> bool:
        return self._stopping.is_set() or self._attempts.is_wanted_back(held)
