"""What nobody else would do: expired leases go back to the queue, queued jobs are rung for again, orphans deleted."""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.orm import Session

from store import completions, deliveries, inspections, leases, submissions, workers
from store.database import UNAVAILABLE, Database
from store.doorbell import Bell, Doorbell
from store.orphans import Orphans
from store.workers import Counted
from telemetry.about import about
from worker.attempt import Attempts
from worker.chats import Chats
from worker.inspection import Inspections
from worker.settings import WorkerSettings
from worker.slots import Slots

_MISSED_SWEEPS = 3

log = logging.getLogger(__name__)


class Rescue:
    """Sweeps every few seconds, in a thread of its own."""

    def __init__(
        self,
        settings: WorkerSettings,
        database: Database,
        doorbell: Doorbell,
        attempts: Attempts,
        inspections: Inspections,
        chats: Chats,
        slots: Slots,
        orphans: Orphans,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._database = database
        self._doorbell = doorbell
        self._attempts = attempts
        self._inspections = inspections
        self._chats = chats
        self._slots = slots
        self._orphans = orphans
        self._clock = clock
        self._swept_at = -float("inf")
        self._watching_since = 0.0
        self._num_missed = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._sweep_until_stopped, name="rescue", daemon=True)

    def start(self) -> None:
        """Begin sweeping."""
        self._thread.start()

    def stop(self) -> None:
        """Sweep no more."""
        self._stopping.set()

    def sweep(self) -> None:
        """Note that this worker lives, free what lost its runner, and ring if work and a slot wait."""
        is_watching = self._is_watching()
        with self._database.writing() as session:
            self._tell_of_worker(session)
            if is_watching:
                _charge_expired(session)
            is_asked = inspections.is_anything_due(session)
            inspections.forget_old(session)
            submissions.forget_old(session)
            deliveries.forget_old(session)
            has_chats = completions.is_anything_due(session)
            completions.forget_old(session)
        self._attempts.charge_lost()
        if self._attempts.is_anything_due():
            self._doorbell.ring(Bell.JOBS)
        if is_asked and self._inspections.is_idle:
            self._doorbell.ring(Bell.INSPECTIONS)
        if has_chats and self._chats.is_idle:
            self._doorbell.ring(Bell.COMPLETIONS)
        self._orphans.collect_if_due()
        self._swept_at = self._clock()

    def _is_watching(self) -> bool:
        """True if sweeps have come through for as long as a lease lasts.

        While the database was away, or this process was frozen, runners may have been unable to renew their leases:
        they get the time to before any is taken for expired.
        """
        now = self._clock()
        if now - self._swept_at > _MISSED_SWEEPS * self._settings.sweep_seconds:
            self._watching_since = now
        return now - self._watching_since >= self._settings.lease_seconds

    def _tell_of_worker(self, session: Session) -> None:
        workers.see(
            session,
            self._settings.worker_name,
            num_slots=len(self._slots),
            memory_bytes=self._slots.machine_bytes,
            gpus=self._slots.gpus,
            tallies={
                Counted.RUNNERS_STARTED: self._attempts.num_started,
                Counted.RUNNERS_BROKEN: self._attempts.num_broken,
                Counted.TRAINERS_WARMED: self._attempts.num_warmed,
                Counted.INSPECTIONS_BROKEN: self._inspections.num_broken,
                Counted.SWEEPS_MISSED: self._num_missed,
            },
        )

    def _sweep_until_stopped(self) -> None:
        while True:
            try:
                self._attempts.warm_up()
                self.sweep()
            except UNAVAILABLE as error:
                self._num_missed += 1
                log.warning("the database does not answer, sweeping again in a moment: %s", error)
            except Exception:  # a host without memory or files, say: this thread is the only one that looks
                self._num_missed += 1
                log.exception("a sweep broke off, sweeping again in a moment")
            if self._stopping.wait(self._settings.sweep_seconds):
                return


def _charge_expired(session: Session) -> None:
    for lease in leases.expired(session):
        with about(job_id=lease.job_id, attempt=lease.attempt):
            log.warning("job %s attempt %d: its lease has expired", lease.job_id, lease.attempt)
        leases.charge(session, lease, "The runner gave no sign of life until its lease expired")
