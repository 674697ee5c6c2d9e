"""`python -m worker.runner`: one attempt. It holds the lease, starts the trainer and speaks to the store for it.

It outlives the worker that started it; when its lease is lost, it kills its trainer and writes nothing more.
"""

import logging
import os
import queue
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from sqlalchemy.orm import Session

from store import artifacts, checkpoints, jobs, leases, results, trained_models
from store.database import Database
from store.files import BaseModelNotFound, Storage
from store.leases import Failure, Lease, LeaseLost, Wish
from store.remote import StorageFull, StorageUnavailable
from store.tables import Job
from store.trained_models import Origin
from telemetry import logs
from telemetry.about import always
from telemetry.phases import Phases
from telemetry.traces import UNTRACED, Attributes, Kind, Traces
from telemetry.traces import make as make_traces
from trainer_core.contract.control import ExitCode
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.events import Phase, PhaseEntered, RunEvent, RunFailed, RunSucceeded
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.role import take_role
from trainer_core.contract.sources import ModelSource
from worker.keeping import Cancelled, Keeper, Untrusted
from worker.publishing import Publishing
from worker.rations import Rations, Watch
from worker.recorder import Recorder
from worker.resolution import own_copy, resolve, source_of
from worker.resuming import newest_checkpoint
from worker.settings import WorkerSettings
from worker.spare import taken_over
from worker.starting import Forked, Process, Started, hear_of
from worker.stopping import Stopping, StopReason
from worker.trainer import Trainer

_HEAR_SECONDS = 0.2
_WARM_SECONDS = 30.0
"""How long a warm trainer may take to fork: it may be importing still."""
_TOO_LONG = "The job ran longer than resources.max_runtime_seconds; its last checkpoint is kept"
_STOPPING = "The worker is stopping"
_UNTRUSTED = "The database did not answer for so long that the lease could have ended"
_UNCHARGED: Mapping[StopReason | None, str] = {
    StopReason.PAUSE: "The trainer saved and ended, as was asked",
    StopReason.DRAIN: _STOPPING,
    StopReason.UNTRUSTED: _UNTRUSTED,
}
"""Reasons to end an attempt early that are no fault of the job's."""

_AS_ASKED = frozenset({ExitCode.SUCCEEDED, ExitCode.STOPPED})

log = logging.getLogger(__name__)


class Draining(Exception):
    """The worker stops, and no trainer has been started."""


class Runner:
    """One attempt, from its lease to its outcome."""

    def __init__(
        self,
        settings: WorkerSettings,
        database: Database,
        storage: Storage,
        lease: Lease,
        *,
        locks: Sequence[int] = (),
        line: socket.socket | None = None,
        traces: Traces = UNTRACED,
    ) -> None:
        self._traces = traces
        self._phases: Phases | None = None
        self._settings = settings
        self._locks = locks
        self._line = line
        self._database = database
        self._lease = lease
        self._storage = storage
        self._run_dir = storage.run_dir(lease.job_id, lease.attempt)
        self._publishing = Publishing(storage, self._run_dir)
        self._recorder = Recorder(database, lease, settings.lease_seconds, self._publishing.written)
        self._keeper = Keeper(settings, database, lease, self._recorder)
        self._is_draining = False
        self._last_word: RunSucceeded | RunFailed | None = None
        self._overdrawn: Failure | None = None

    def drain(self, *_: object) -> None:
        """Save and give the job back (a signal handler)."""
        self._is_draining = True

    def run(self) -> None:
        """Carry the attempt out.

        Raises:
            LeaseLost: Another attempt owns the job now; the trainer is gone and nothing more is written.
        """
        conclude = self._keeper.conclude
        try:
            self._carry_out()
        except BaseModelNotFound as error:
            conclude(leases.fail, Failure(FailureCode.BASE_MODEL_UNUSABLE, str(error)))
        except (FileNotFoundError, StorageFull, StorageUnavailable) as error:
            conclude(leases.charge, f"What the run needs could not be fetched: {error}")
        except Cancelled:
            conclude(leases.cancel)
        except Draining:
            conclude(leases.give_back, _STOPPING)
        except Untrusted:
            conclude(leases.give_back, _UNTRUSTED)
        finally:
            self._publishing.close()

    def _carry_out(self) -> None:
        self._recorder.flush()  # the lease is as old as the claim: from here on it is known how long it lasts
        with self._database.reading() as session:
            job = jobs.get(session, self._lease.job_id)
            origin = trained_models.origin(session, job.base_model, trained_models.revision_of(job))
            spent_seconds = leases.seconds_spent(session, self._lease)
        always(project_id=job.project_id)
        limit_seconds = job.spec.resources.max_runtime_seconds
        left_seconds = float("inf") if limit_seconds is None else limit_seconds - spent_seconds
        told: Attributes = {"tuneyard.job.id": self._lease.job_id, "tuneyard.job.attempt": self._lease.attempt}
        with self._traces.span("attempt", Kind.CONSUMER, parent=job.traceparent, attributes=told):
            self._attempt(job, origin, left_seconds)

    def _attempt(self, job: Job, origin: Origin, left_seconds: float) -> None:
        with self._traces.span("prepare"):
            arguments = self._keeper.during(lambda: self._prepare(job, origin), self._stop_if_draining)
        with self._traces.span("train") as span, Phases(self._traces, Phase.STARTING) as self._phases:
            exit_code, reason = self._train(arguments, left_seconds)
            span.tell({"process.exit.code": exit_code})
            if exit_code not in _AS_ASKED:
                span.fail(f"exit code {exit_code}")
        if reason is StopReason.LEASE_LOST:
            raise LeaseLost(self._lease.job_id)
        with self._traces.span("publish"):
            self._await_published()
            self._finish(exit_code, reason)

    def _prepare(self, job: Job, origin: Origin) -> list[str]:
        self._run_dir.mkdir(parents=True, exist_ok=True)
        source = self._source(job, origin)
        resolved = resolve(job.spec, source, self._storage)
        spec_path = self._run_dir / "spec.json"
        spec_path.write_text(resolved.model_dump_json(indent=1))
        checkpoint = self._newest_checkpoint()
        resume = ["--resume", str(checkpoint)] if checkpoint else []
        cache_dir = self._storage.cache_dir(job.project_id)
        cache = ["--cache", str(cache_dir), "--cache-bytes", str(self._settings.cache_bytes)]
        keeps = cache if self._settings.cache_bytes else []
        adapters = [word for one in source.adapters for word in ("--adapter", one)]
        return [str(spec_path), "--run-dir", str(self._run_dir), *adapters, *keeps, *resume]

    def _source(self, job: Job, origin: Origin) -> ModelSource:
        source = source_of(
            origin,
            self._storage,
            hub_models=self._settings.hub_models,
            trusted_code=self._settings.trusted_code,
        )
        return source if origin.whole is None else own_copy(source, job.base_model, self._run_dir)

    def _newest_checkpoint(self) -> Path | None:
        """The newest checkpoint that is what its manifest says."""
        with self._database.reading() as session:
            found = checkpoints.of_job(session, self._lease.job_id)
        return newest_checkpoint(self._storage, found)

    def _stop_if_draining(self) -> None:
        if self._is_draining:
            raise Draining

    def _train(self, arguments: Sequence[str], left_seconds: float) -> tuple[int, StopReason | None]:
        """Run the trainer to its end: its exit code, and why it was made to end if it was."""
        line, warm = self._line, None
        if line is not None:
            warm = self._keeper.during(lambda: hear_of(line, _WARM_SECONDS), self._stop_if_draining)
        trusted_until = self._keeper.trusted_until
        rations = Rations.of(self._settings, self._run_dir)
        bounds = ["--supervised", str(trusted_until), "--file-bytes", str(rations.disk_bytes)]
        process = self._start([*arguments, *bounds], warm)
        trainer = Trainer(process, trusted_until=trusted_until)
        log.info("the trainer is process %d", trainer.pid)
        stopping = Stopping(trainer, self._settings)
        try:
            self._supervise(trainer, stopping, Watch(trainer.pid, self._run_dir, rations), left_seconds)
        finally:
            exit_code = trainer.end()
        log.info("the trainer ended with exit code %d", exit_code)
        self._hear_rest(trainer)
        return exit_code, stopping.reason

    def _start(self, arguments: Sequence[str], warm: int | None) -> Process:
        """The warm trainer, whose process id this is, or else one that has everything to import."""
        if warm is not None:
            assert self._line is not None
            try:
                return Forked(self._line, warm, arguments, os.environ, self._locks)
            except OSError as error:
                log.warning("the warm trainer is gone: %s", error)
        elif self._line is not None:
            self._line.close()  # should it still come to be there, it is not needed
        return Started([*self._settings.trainer_command, *arguments], os.environ, self._locks)

    def _supervise(self, trainer: Trainer, stopping: Stopping, watch: Watch, left_seconds: float) -> None:
        self._recorder.introduce(runner_pid=os.getpid(), trainer_pid=trainer.pid)
        ends_at = time.monotonic() + left_seconds
        while not trainer.has_ended():
            self._hear(trainer)
            self._keep_lease(stopping)
            trainer.trust(self._keeper.trusted_until)
            if self._is_draining:
                stopping.ask(StopReason.DRAIN)
            if time.monotonic() > ends_at:
                stopping.ask(StopReason.MAX_RUNTIME)
            if failure := watch.overdrawn():
                self._overdrawn = failure
                stopping.ask(StopReason.OVERDRAWN)
            stopping.press()

    def _keep_lease(self, stopping: Stopping) -> None:
        self._publishing.hand_over(self._recorder.take)
        try:
            wish = self._keeper.keep()
        except LeaseLost:
            stopping.ask(StopReason.LEASE_LOST)
        except Untrusted:
            stopping.ask(StopReason.UNTRUSTED)
        else:
            if wish is not None:
                stopping.ask(StopReason(wish))

    def _hear(self, trainer: Trainer) -> None:
        """Take what the trainer says for a moment."""
        until = time.monotonic() + _HEAR_SECONDS
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
        if isinstance(said, PhaseEntered) and self._phases:
            self._phases.enter(said.phase, said.at)
        if isinstance(said, RunSucceeded | RunFailed):
            self._last_word = said

    def _await_published(self) -> None:
        while self._publishing.is_busy:
            self._publishing.hand_over(self._recorder.take)
            with suppress(Untrusted):  # nobody trains, and what is written is fenced
                if self._keeper.keep() is Wish.CANCEL:
                    break
            time.sleep(_HEAR_SECONDS)
        self._publishing.hand_over(self._recorder.take)

    def _finish(self, exit_code: int, reason: StopReason | None) -> None:
        conclude, word = self._keeper.conclude, self._last_word
        if exit_code == ExitCode.SUCCEEDED and isinstance(word, RunSucceeded):
            self._publish(word)
        elif reason is StopReason.CANCEL:
            conclude(leases.cancel)
        elif reason is StopReason.OVERDRAWN and self._overdrawn:
            conclude(leases.fail, self._overdrawn)
        elif reason is StopReason.MAX_RUNTIME:
            conclude(leases.fail, Failure(FailureCode.MAX_RUNTIME_EXCEEDED, _TOO_LONG))
        elif isinstance(word, RunFailed):
            conclude(leases.fail, Failure(word.code, word.message, word.faults))
        elif reason in _UNCHARGED:
            conclude(leases.give_back, _UNCHARGED[reason])
        else:
            conclude(leases.charge, f"The trainer ended with exit code {exit_code} and no word")

    def _publish(self, word: RunSucceeded) -> None:
        refusal = self._publishing.refusal
        if isinstance(refusal, StorageFull):
            self._keeper.conclude(leases.fail, Failure(FailureCode.STORAGE_FULL, str(refusal)))
            return
        if refusal is not None:
            self._keeper.conclude(leases.charge, f"The artifact could not be published: {refusal}")
            return
        manifest = Manifest.load(self._run_dir / word.path)
        place = PurePosixPath((self._run_dir / word.path).relative_to(self._storage.root).as_posix())

        def publish(session: Session, lease: Lease) -> None:
            artifacts.record(session, lease, word.path, manifest)
            results.record(session, jobs.get(session, lease.job_id), place, manifest)
            leases.succeed(session, lease)

        self._keeper.conclude(publish)


def main() -> int:
    """Composition root."""
    settings = WorkerSettings()
    logs.configure("runner", settings.log_format, settings.log_level)
    traces = make_traces("runner")  # while it waits for its attempt
    database = Database(settings.database_url)
    storage = Storage(settings.storage_root, settings.scratch_dir)
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as from_worker:
        handed = taken_over(from_worker)
    if handed is None:
        return 0
    handover, locks, line = handed
    take_role("runner")
    os.environ.update(handover.environment)
    lease = handover.lease
    always(job_id=lease.job_id, attempt=lease.attempt)
    runner = Runner(settings, database, storage, lease, locks=locks, line=line, traces=traces)
    signal.signal(signal.SIGTERM, runner.drain)
    try:
        runner.run()
    except LeaseLost:
        log.warning("job %s attempt %d: the lease is lost", lease.job_id, lease.attempt)
    finally:
        traces.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
