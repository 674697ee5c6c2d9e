"""`python -m worker.runner`: one attempt. It holds the lease, starts the trainer and speaks to the store for it.

It outlives the worker that started it; when its lease is lost, it kills its trainer and writes nothing more.
"""

import json
import logging
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from store import artifacts, checkpoints, jobs, leases
from store.database import Database
from store.files import BaseModelNotFound, Storage
from store.leases import Failure, Lease, LeaseLost
from store.remote import StorageFull, StorageUnavailable
from trainer_core.contract.control import ExitCode
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.events import RunEvent, RunFailed, RunSucceeded
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.spec import JobSpec
from worker.attempt import LEASE_VARIABLE, SLOT_VARIABLE
from worker.beside import beside
from worker.publishing import Publishing
from worker.recorder import Recorder
from worker.resolution import resolve
from worker.resuming import newest_checkpoint
from worker.settings import WorkerSettings
from worker.stopping import Stopping, StopReason
from worker.trainer import Trainer

_POLL_SECONDS = 0.2
_ASK_SECONDS = 1.0
"""How often the runner looks whether somebody asked for the job's end."""
_LEASE_MARGIN = 0.8
"""Part of the lease for which it is trusted without a renewal."""

log = logging.getLogger(__name__)


class Interrupted(Exception):
    """The attempt must end although no trainer runs."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason)
        self.reason = reason


class Runner:
    """One attempt, from its lease to its outcome."""

    def __init__(
        self,
        settings: WorkerSettings,
        database: Database,
        storage: Storage,
        lease: Lease,
        *,
        slot_fds: Sequence[int] = (),
    ) -> None:
        self._settings = settings
        self._slot_fds = slot_fds
        self._database = database
        self._lease = lease
        self._storage = storage
        self._run_dir = storage.run_dir(lease.job_id, lease.attempt)
        self._publishing = Publishing(storage, self._run_dir)
        self._recorder = Recorder(database, lease, settings.lease_seconds, self._publishing.written)
        self._is_draining = False
        self._asked_at = time.monotonic()
        self._last_word: RunSucceeded | RunFailed | None = None

    def drain(self, *_: object) -> None:
        """Save and give the job back (a signal handler)."""
        self._is_draining = True

    def run(self) -> None:
        """Carry the attempt out.

        Raises:
            LeaseLost: Another attempt owns the job now; the trainer is gone and nothing more is written.
        """
        try:
            self._carry_out()
        except Interrupted as error:
            self._conclude(leases.cancel if error.reason is StopReason.CANCEL else leases.give_back)
        finally:
            self._publishing.close()

    def _carry_out(self) -> None:
        with self._database.reading() as session:
            spec = jobs.get(session, self._lease.job_id).spec
        try:
            command = beside(lambda: self._prepare(spec), self._beat_before_run)
        except BaseModelNotFound as error:
            self._conclude(leases.fail, Failure(FailureCode.BASE_MODEL_UNUSABLE, str(error)))
            return
        except (FileNotFoundError, StorageFull, StorageUnavailable) as error:
            self._conclude(leases.charge, f"What the run needs could not be fetched: {error}")
            return
        trainer = Trainer(command, environment=os.environ, pass_fds=self._slot_fds)
        stopping = Stopping(trainer, self._settings)
        try:
            self._supervise(trainer, stopping, spec)
        finally:
            exit_code = trainer.end()
        self._hear_rest(trainer)
        while self._publishing.is_busy and stopping.reason is not StopReason.LEASE_LOST:
            self._beat()
            time.sleep(_POLL_SECONDS)
        self._publishing.hand_over(self._recorder.take)
        self._finish(exit_code, stopping.reason)

    def _prepare(self, spec: JobSpec) -> list[str]:
        resolved = resolve(spec, self._storage, hub_models=self._settings.hub_models)
        self._run_dir.mkdir(parents=True, exist_ok=True)
        spec_path = self._run_dir / "spec.json"
        spec_path.write_text(resolved.model_dump_json(indent=1))
        checkpoint = self._newest_checkpoint()
        resume = ["--resume", str(checkpoint)] if checkpoint else []
        return [*self._settings.trainer_command, str(spec_path), "--run-dir", str(self._run_dir), *resume]

    def _newest_checkpoint(self) -> Path | None:
        """The newest checkpoint that is what its manifest says."""
        with self._database.reading() as session:
            found = checkpoints.of_job(session, self._lease.job_id)
        return newest_checkpoint(self._storage, found)

    def _beat_before_run(self) -> None:
        if self._is_draining:
            raise Interrupted(StopReason.DRAIN)
        self._beat()

    def _beat(self) -> None:
        """Keep the lease while no trainer runs.

        Raises:
            LeaseLost: Another attempt owns the job now.
            Interrupted: Somebody asked for the job's end.
        """
        self._publishing.hand_over(self._recorder.take)
        try:
            if self._recorder.is_due(self._settings.beat_seconds):
                self._recorder.flush()
            if time.monotonic() - self._asked_at >= _ASK_SECONDS and self._is_cancelled():
                raise Interrupted(StopReason.CANCEL)
        except OperationalError as error:
            log.warning("the database does not answer, going on: %s", error)
        if time.monotonic() > self._trusted_until:
            raise LeaseLost(self._lease.job_id)

    def _supervise(self, trainer: Trainer, stopping: Stopping, spec: JobSpec) -> None:
        with self._database.writing() as session:
            leases.introduce(session, self._lease, runner_pid=os.getpid(), trainer_pid=trainer.pid)
        started_at = time.monotonic()
        limit_seconds = spec.resources.max_runtime_seconds
        while not trainer.has_ended():
            self._hear(trainer)
            self._keep_lease(stopping)
            if self._is_draining:
                stopping.ask(StopReason.DRAIN)
            if limit_seconds and time.monotonic() - started_at > limit_seconds:
                stopping.ask(StopReason.MAX_RUNTIME)
            stopping.press()

    def _keep_lease(self, stopping: Stopping) -> None:
        self._publishing.hand_over(self._recorder.take)
        try:
            if self._recorder.is_due(self._settings.beat_seconds):
                self._recorder.flush()
            if time.monotonic() - self._asked_at >= _ASK_SECONDS and self._is_cancelled():
                stopping.ask(StopReason.CANCEL)
        except OperationalError as error:
            log.warning("the database does not answer, the run goes on: %s", error)
            time.sleep(_POLL_SECONDS)
        except LeaseLost:
            stopping.ask(StopReason.LEASE_LOST)
        if time.monotonic() > self._trusted_until:
            stopping.ask(StopReason.LEASE_LOST)

    @property
    def _trusted_until(self) -> float:
        return self._recorder.written_at + self._settings.lease_seconds * _LEASE_MARGIN

    def _is_cancelled(self) -> bool:
        self._asked_at = time.monotonic()
        with self._database.reading() as session:
            return leases.is_cancelled(session, self._lease)

    def _hear(self, trainer: Trainer) -> None:
        """Take what the trainer says for a moment."""
        until = time.monotonic() + _POLL_SECONDS
        while (left := until - time.monotonic()) > 0:
            try:
                self._take(trainer.said.get(timeout=left))
            except queue.Empty:
                return

    def _hear_rest(self, trainer: Trainer) -> None:
        while not trainer.said.empty():
            self._take(trainer.said.get())

    def _take(self, said: RunEvent | str) -> None:
        self._publishing.take(said)
        if isinstance(said, RunSucceeded | RunFailed):
            self._last_word = said

    def _finish(self, exit_code: int, reason: StopReason | None) -> None:
        if reason is StopReason.LEASE_LOST:
            raise LeaseLost(self._lease.job_id)
        word = self._last_word
        if exit_code == ExitCode.SUCCEEDED and isinstance(word, RunSucceeded):
            self._publish(word)
        elif reason is StopReason.CANCEL:
            self._conclude(leases.cancel)
        elif reason is StopReason.MAX_RUNTIME:
            message = "The job ran longer than resources.max_runtime_seconds"
            self._conclude(leases.fail, Failure(FailureCode.MAX_RUNTIME_EXCEEDED, message))
        elif isinstance(word, RunFailed):
            self._conclude(leases.fail, Failure(word.code, word.message, word.faults))
        elif reason is StopReason.DRAIN:
            self._conclude(leases.give_back)
        else:
            self._conclude(leases.charge, f"The trainer ended with exit code {exit_code} and no word")

    def _publish(self, word: RunSucceeded) -> None:
        refusal = self._publishing.refusal
        if isinstance(refusal, StorageFull):
            self._conclude(leases.fail, Failure(FailureCode.STORAGE_FULL, str(refusal)))
            return
        if refusal is not None:
            self._conclude(leases.charge, f"The artifact could not be published: {refusal}")
            return
        manifest = Manifest.load(self._run_dir / word.path)

        def publish(session: Session, lease: Lease) -> None:
            artifacts.record(session, lease, word.path, manifest)
            leases.succeed(session, lease)

        self._conclude(publish)

    def _conclude(self, outcome: Callable[..., None], *details: object) -> None:
        """Write what is left and the outcome; a database that does not answer is asked until the lease ends."""
        while True:
            try:
                self._recorder.flush()
                with self._database.writing() as session:
                    outcome(session, self._lease, *details)
            except OperationalError as error:
                if time.monotonic() > self._trusted_until:
                    raise LeaseLost(self._lease.job_id) from error
                log.warning("the database does not answer, trying again: %s", error)
                time.sleep(1)
            else:
                return


def main() -> int:
    """Composition root."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    lease = Lease(**json.loads(os.environ.pop(LEASE_VARIABLE)))
    settings = WorkerSettings()
    database = Database(settings.database_url)
    storage = Storage(settings.storage_root, settings.scratch_dir)
    runner = Runner(settings, database, storage, lease, slot_fds=[int(os.environ[SLOT_VARIABLE])])
    signal.signal(signal.SIGTERM, runner.drain)
    try:
        runner.run()
    except LeaseLost:
        log.warning("job %s attempt %d: the lease is lost", lease.job_id, lease.attempt)
    return 0


if __name__ == "__main__":
    sys.exit(main())
