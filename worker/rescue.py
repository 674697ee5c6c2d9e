"""What nobody else would do: expired leases go back to the queue, queued jobs are rung for again, orphans deleted."""

import logging
import threading

from sqlalchemy.exc import OperationalError

from store import inspections, leases, workers
from store.database import Database
from store.doorbell import Bell, Doorbell
from store.orphans import Orphans
from worker.attempt import Attempts
from worker.inspection import Inspections
from worker.settings import WorkerSettings

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
        orphans: Orphans,
    ) -> None:
        self._settings = settings
        self._database = database
        self._doorbell = doorbell
        self._attempts = attempts
        self._inspections = inspections
        self._orphans = orphans
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
        with self._database.writing() as session:
            workers.see(session, self._settings.worker_name, self._settings.num_slots)
            for lease, is_cancelled in leases.expired(session):
                log.warning("job %s attempt %d: its lease has expired", lease.job_id, lease.attempt)
                if is_cancelled:
                    leases.cancel(session, lease)
                else:
                    leases.charge(session, lease, "The runner gave no sign of life until its lease expired")
            is_due = leases.is_anything_due(session)
            is_asked = inspections.is_anything_due(session)
            inspections.forget_old(session)
        if is_due and self._attempts.num_idle > 0:
            self._doorbell.ring(Bell.JOBS)
        if is_asked and self._inspections.is_idle:
            self._doorbell.ring(Bell.INSPECTIONS)
        self._inspections.cool_down()
        self._orphans.collect_if_due()

    def _sweep_until_stopped(self) -> None:
        while True:
            try:
                self.sweep()
            except OperationalError as error:
                log.warning("the database does not answer, sweeping again in a moment: %s", error)
            if self._stopping.wait(self._settings.sweep_seconds):
                return
