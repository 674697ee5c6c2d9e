"""What a ring of the doorbell leads to: jobs are claimed and each is given to a runner process of its own.

It knows nothing of Celery and nothing of training.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict

from store import leases
from store.database import Database
from store.leases import Lease, LeaseLost
from worker.settings import WorkerSettings
from worker.slots import Slot, Slots

LEASE_VARIABLE = "TUNEYARD_LEASE"
"""Environment variable by which a runner gets its lease."""
SLOT_VARIABLE = "TUNEYARD_SLOT_FD"
"""Environment variable that names the inherited lock of the runner's slot."""

log = logging.getLogger(__name__)


class Attempts:
    """The attempts that this worker carries out."""

    def __init__(self, settings: WorkerSettings, database: Database, slots: Slots) -> None:
        self._settings = settings
        self._database = database
        self._slots = slots
        self._stopping = threading.Event()
        self._runners: set[subprocess.Popen[bytes]] = set()

    @property
    def num_idle(self) -> int:
        """Slots without a runner of this worker."""
        return self._settings.num_slots - len(self._runners)

    def run_due(self) -> None:
        """Carry out jobs in one free slot until none is due."""
        with self._slots.take() as slot:
            while slot is not None and not self._stopping.is_set() and (lease := self._claim()):
                self._run(lease, slot)

    def drain(self) -> None:
        """Claim nothing more; every runner saves, gives its job back and ends."""
        self._stopping.set()
        for runner in tuple(self._runners):
            runner.send_signal(signal.SIGTERM)

    def _claim(self) -> Lease | None:
        with self._database.writing() as session:
            return leases.claim(session, worker=self._settings.worker_name, seconds=self._settings.lease_seconds)

    def _run(self, lease: Lease, slot: Slot) -> None:
        log.info("job %s attempt %d: starting in slot %d", lease.job_id, lease.attempt, slot.index)
        runner = _start_runner(lease, slot)
        self._runners.add(runner)
        if self._stopping.is_set():  # drain() may have looked just before
            runner.send_signal(signal.SIGTERM)
        exit_code = runner.wait()
        self._runners.discard(runner)
        log.info("job %s attempt %d: runner ended with %d", lease.job_id, lease.attempt, exit_code)
        if exit_code != 0:
            self._charge(lease, exit_code)

    def _charge(self, lease: Lease, exit_code: int) -> None:
        try:
            with self._database.writing() as session:
                leases.charge(session, lease, f"The runner ended with exit code {exit_code}")
        except LeaseLost:
            log.info("job %s attempt %d: had been released before", lease.job_id, lease.attempt)


def _start_runner(lease: Lease, slot: Slot) -> subprocess.Popen[bytes]:
    handed = {LEASE_VARIABLE: json.dumps(asdict(lease)), SLOT_VARIABLE: str(slot.fd), "TUNEYARD_ROLE": "runner"}
    return subprocess.Popen(
        [sys.executable, "-m", "worker.runner"],
        env=os.environ | handed,
        pass_fds=[slot.fd],
        start_new_session=True,  # it outlives this process and hears no Ctrl-C
    )
