"""A lease is kept for as long as it is needed, and known to be no longer trusted before anyone else could have it."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from store import leases
from store.database import UNAVAILABLE, Database
from store.leases import Lease, LeaseLost, Wish
from worker.beside import beside
from worker.recorder import Recorder
from worker.settings import WorkerSettings

_LOOK_SECONDS = 0.2
_ASK_SECONDS = 1.0
"""How often the keeper looks whether somebody asked something of the job."""
_TRUSTED_PART = 5 / 6
"""Part of a lease for which it is trusted without a renewal; in the rest, whoever trains comes to its end."""
_PATIENCE_SECONDS = 3600
"""How long an outcome waits for a database that does not answer. Nothing runs meanwhile, and every write is fenced."""

T = TypeVar("T")
log = logging.getLogger(__name__)


class Untrusted(Exception):
    """The lease could not be renewed for so long that it may end at any time."""


class Cancelled(Exception):
    """Somebody asked for the job's end before a trainer was there to be told."""


class Keeper:
    """Keeps one lease, and writes what a recorder has gathered whenever it renews."""

    def __init__(self, settings: WorkerSettings, database: Database, lease: Lease, recorder: Recorder) -> None:
        self._settings = settings
        self._database = database
        self._lease = lease
        self._recorder = recorder
        self._asked_at = time.monotonic()
        self._wish: Wish | None = None

    @property
    def trusted_until(self) -> float:
        """Until when training is safe, in seconds of the monotonic clock."""
        return self._recorder.written_at + self._settings.lease_seconds * _TRUSTED_PART

    def keep(self) -> Wish | None:
        """Renew the lease if it is time to, and tell what is asked of the job.

        Raises:
            LeaseLost: The job has another owner, or none.
            Untrusted: It could not be renewed for too long.
        """
        try:
            if self._recorder.is_due(self._settings.beat_seconds):
                self._recorder.flush()
            if time.monotonic() - self._asked_at >= _ASK_SECONDS:
                self._asked_at = time.monotonic()
                with self._database.reading() as session:
                    self._wish = leases.wish(session, self._lease)
        except UNAVAILABLE as error:
            log.warning("the database does not answer, the run goes on: %s", error)
            time.sleep(_LOOK_SECONDS)
        if time.monotonic() > self.trusted_until:
            raise Untrusted(self._lease.job_id)
        return self._wish

    def during(self, work: Callable[[], T], meanwhile: Callable[[], None] = lambda: None) -> T:
        """Keep the lease while something long is done in a thread.

        Raises:
            LeaseLost: The job has another owner, or none.
            Untrusted: The lease could not be renewed for too long.
            Cancelled: Somebody asked for the job's end.
        """

        def keep() -> None:
            meanwhile()
            if self.keep() is Wish.CANCEL:
                raise Cancelled(self._lease.job_id)

        return beside(work, keep)

    def conclude(self, outcome: Callable[..., None], *details: object) -> None:
        """Write what is left and the outcome; a database that does not answer is waited for.

        Raises:
            LeaseLost: The job has another owner, or none, or the database did not answer for an hour.
        """
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                self._recorder.flush()
                with self._database.writing() as session:
                    outcome(session, self._lease, *details)
            except UNAVAILABLE as error:
                if time.monotonic() > until:
                    raise LeaseLost(self._lease.job_id) from error
                log.warning("the database does not answer, trying again: %s", error)
                time.sleep(1)
            else:
                return
