"""What a ring of the doorbell leads to: jobs are claimed and each is given to a runner process of its own.

It knows nothing of Celery and nothing of training.
"""

import logging
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import datetime

from sqlalchemy.orm import Session

from store import drains, leases
from store.database import Database
from store.leases import Lease, LeaseLost, Way
from store.resources import Offer
from telemetry.about import about
from telemetry.traces import UNTRACED, Attributes, Traces, moment
from worker.settings import WorkerSettings
from worker.slots import Held, Slots
from worker.spare import RunnerProcess, Spare
from worker.warm import NotThere, Warm

log = logging.getLogger(__name__)


class Attempts:
    """The attempts that this worker carries out."""

    def __init__(
        self, settings: WorkerSettings, database: Database, slots: Slots, warm: Warm, traces: Traces = UNTRACED
    ) -> None:
        self._settings = settings
        self._database = database
        self._slots = slots
        self._warm = warm
        self._traces = traces
        self._spare = Spare()
        self._choosing = threading.Lock()
        """Whoever chooses holds every free slot for a moment: another thread would take them for occupied."""
        self._stopping = threading.Event()
        self._runners: set[RunnerProcess] = set()
        self.num_started = 0
        self.num_broken = 0
        """Of the runners, those that ended with an error."""

    @property
    def num_warmed(self) -> int:
        """Warm trainers that were started."""
        return self._warm.num_started

    def run_due(self) -> None:
        """Carry out jobs on free slots until none is due that fits them."""
        while (claimed := self._claim()) is not None:
            lease, held = claimed
            with held, about(job_id=lease.job_id, attempt=lease.attempt):
                self._run(lease, held)

    def is_anything_due(self) -> bool:
        """True if a job waits that fits a slot that is free."""
        with self._choosing, self._slots.all_free() as free:
            offer = self._slots.offer(free)
        return not self.is_drained() and self._is_due(offer)

    def lend(self) -> Held | None:
        """A slot for what makes way for jobs, a large GPU if there are any; None if none is free, or a job is due."""
        with self._choosing, self._slots.all_free() as free:
            offer = self._slots.offer(free)
            if offer.is_empty or self._stopping.is_set() or self.is_drained() or self._is_due(offer):
                return None
            largest = free.gpus[-1] if free.gpus else None
            slot = next((one for one in free.locks if one.gpu == largest), None)
            return None if slot is None or (offer.has_gpus and largest is None) else free.take([slot])

    def is_wanted_back(self, lent: Held) -> bool:
        """True if a job waits that fits with the slot that was lent, and not without it, or the worker is drained."""
        if self.is_drained():
            return True
        with self._choosing, self._slots.all_free() as free:
            without = self._slots.offer(free)
            together = self._slots.offer(Held(free.locks | lent.locks))
        return self._is_due(together) and not self._is_due(without)

    def is_drained(self) -> bool:
        """True if somebody wishes that this worker takes nothing new."""
        with self._database.reading() as session:
            return drains.applies(session, self._settings.worker_name)

    def charge_lost(self) -> None:
        """Charge attempts of this worker, or of an earlier one of its name, of which no process is left.

        Their slots tell: a runner and its trainer hold them to their end, whoever started them.
        """
        # In this order, as where jobs are claimed: SQLite has one writer at a time.
        with self._choosing, self._database.writing() as session:
            for lease, slots in leases.held_by(session, self._settings.worker_name):
                if slots and not any(self._slots.is_held(name) for name in slots):
                    with about(job_id=lease.job_id, attempt=lease.attempt), suppress(LeaseLost):
                        log.warning("job %s attempt %d: none of its processes is left", lease.job_id, lease.attempt)
                        leases.charge(session, lease, "The runner and its trainer are gone")

    def warm_up(self) -> None:
        """Have a runner and a trainer waiting for the next job."""
        if not self._stopping.is_set():
            self._spare.tend()
            self._warm.tend()

    def drain(self) -> None:
        """Claim nothing more; every runner saves, gives its job back and ends."""
        self._stopping.set()
        for runner in tuple(self._runners):
            runner.send_signal(signal.SIGTERM)
        self._spare.end()

    def _is_due(self, offer: Offer) -> bool:
        with self._database.reading() as session:
            return leases.is_anything_due(session, offer)

    def _claim(self) -> tuple[Lease, Held] | None:
        """A job and the slots that it fits; the database is asked only if some are free."""
        name, seconds = self._settings.worker_name, self._settings.lease_seconds
        with self._choosing, self._slots.all_free() as free:
            offer = self._slots.offer(free)
            if offer.is_empty or self._stopping.is_set():
                return None
            begun_at = moment()
            with self._database.writing() as session:
                lease = leases.claim(session, worker=name, seconds=seconds, offer=offer)
                if lease is None:
                    return None
                chosen = free.chosen(leases.needs(session, lease), has_gpus=offer.has_gpus)
                leases.occupy(session, lease, [slot.name for slot in chosen])
                way = leases.way(session, lease)
            self._trace(lease, way, begun_at)
            return lease, free.take(chosen)

    def _trace(self, lease: Lease, way: Way, begun_at: datetime) -> None:
        told: Attributes = {"tuneyard.job.id": lease.job_id, "tuneyard.job.attempt": lease.attempt}
        self._traces.record("queue", way.queued_at, way.claimed_at, parent=way.traceparent, attributes=told)
        self._traces.record("claim", begun_at, moment(), parent=way.traceparent, attributes=told)

    def _run(self, lease: Lease, held: Held) -> None:
        log.info("job %s attempt %d: starting on %s", lease.job_id, lease.attempt, ", ".join(held.names))
        with self._line() as line:
            runner = self._spare.start(lease, self._slots.visible_gpus(held), held.fds, line)
        self._runners.add(runner)
        self.num_started += 1
        if self._stopping.is_set():  # drain() may have looked just before
            runner.send_signal(signal.SIGTERM)
        exit_code = runner.wait()
        self._runners.discard(runner)
        log.info("job %s attempt %d: runner ended with %d", lease.job_id, lease.attempt, exit_code)
        if exit_code == -signal.SIGTERM:  # else it would have saved and given the job back itself
            self._let_go(leases.give_back, lease, "The runner was told to end before it had begun")
        elif exit_code != 0:
            self.num_broken += 1
            self._let_go(leases.charge, lease, f"The runner ended with exit code {exit_code}")

    def _line(self) -> socket.socket | nullcontext[None]:
        """A line to a trainer that is warm, if there is one."""
        try:
            return self._warm.line(is_worth_waiting=False)
        except NotThere as error:
            log.info("%s", error)
            return nullcontext()

    def _let_go(self, how: Callable[[Session, Lease, str], None], lease: Lease, reason: str) -> None:
        try:
            with self._database.writing() as session:
                how(session, lease, reason)
        except LeaseLost:
            log.info("job %s attempt %d: had been released before", lease.job_id, lease.attempt)
