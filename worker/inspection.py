"""Jobs are looked at before they are queued: rows, model, memory, on this worker's CPU slot, one at a time.

It knows nothing of Celery and nothing of training.
"""

import logging
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from store import drains, inspections, trained_models
from store.database import UNAVAILABLE, Database
from store.doorbell import Bell, Doorbell
from store.files import BaseModelNotFound, Storage
from store.inspections import Claim
from store.leases import Failure
from store.remote import StorageFull, StorageUnavailable
from telemetry.about import about
from telemetry.traces import UNTRACED, Attributes, Kind, Traces
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.orders import ReportOrder
from trainer_core.contract.report import JobReport, Problem
from trainer_core.contract.spec import JobSpec
from worker.beside import beside
from worker.rations import Rations, Watch
from worker.reporter import BrokenDown, Reporter
from worker.resolution import commit_of, pinned, resolve, source_of
from worker.settings import WorkerSettings
from worker.warm import Warm

_LOOK_SECONDS = 0.5
_CLAIM_SECONDS = 60
"""How long a claim lasts without a renewal."""

log = logging.getLogger(__name__)


class NobodyWants(Exception):
    """The job was cancelled, another is at it, or this worker stops."""


class Overdrawn(Exception):
    """Making the report took more of this host than a trainer may take."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Inspections:
    """What this worker finds out."""

    def __init__(
        self,
        settings: WorkerSettings,
        database: Database,
        storage: Storage,
        doorbell: Doorbell,
        warm: Warm,
        traces: Traces = UNTRACED,
    ) -> None:
        self._settings = settings
        self._database = database
        self._storage = storage
        self._doorbell = doorbell
        self._warm = warm
        self._traces = traces
        self._slot = threading.Lock()
        self._stopping = threading.Event()
        self._begun_at = self._renewed_at = time.monotonic()
        self.num_broken = 0
        """Tries that broke down."""

    @property
    def is_idle(self) -> bool:
        """True if nothing is being found out."""
        return not self._slot.locked()

    def run_due(self) -> None:
        """Find out what is asked for until nothing is; return at once if somebody is at it."""
        if not self._slot.acquire(blocking=False):
            return
        try:
            while not self._stopping.is_set() and (claim := self._claim()):
                with about(inspection_id=claim.inspection_id, job_id=claim.job_id, project_id=claim.project_id):
                    self._trace(claim)
        finally:
            self._slot.release()

    def stop(self) -> None:
        """Find out nothing more; what is unfinished is for others."""
        self._stopping.set()
        self._slot.acquire(timeout=self._settings.kill_grace_seconds)

    def _claim(self) -> Claim | None:
        with self._database.writing() as session:
            is_drained = drains.applies(session, self._settings.worker_name)
            return None if is_drained else inspections.claim(session, _CLAIM_SECONDS)

    def _trace(self, claim: Claim) -> None:
        told: Attributes = {"tuneyard.job.id": claim.job_id or "", "tuneyard.inspection.attempt": claim.attempt}
        with self._traces.span("inspect", Kind.CONSUMER, parent=claim.traceparent, attributes=told):
            self._run(claim)

    def _run(self, claim: Claim) -> None:
        log.info("%s: finding out, try %d", claim.inspection_id, claim.attempt)
        try:
            report = self._report(claim)
        except NobodyWants:
            self._give_back(claim, is_charged=False)
        except BrokenDown as error:
            self.num_broken += 1
            log.warning("%s: %s", claim.inspection_id, error)
            self._give_back(claim, is_charged=True)
        else:
            with self._database.writing() as session:
                inspections.finish(session, claim, report)
            self._doorbell.ring(Bell.JOBS)

    def _report(self, claim: Claim) -> JobReport:
        self._begun_at = self._renewed_at = time.monotonic()
        try:
            spec = beside(partial(self._resolved, claim), partial(self._beat, claim))
        except BaseModelNotFound as error:
            return JobReport(is_valid=False, problem=Problem(code=FailureCode.BASE_MODEL_UNUSABLE, message=str(error)))
        except (FileNotFoundError, StorageFull, StorageUnavailable) as error:
            raise BrokenDown(f"what the job needs could not be fetched: {error}") from error
        with TemporaryDirectory(prefix="tuneyard-report-") as folder:
            spec_path, report_path = f"{folder}/spec.json", f"{folder}/report.json"
            num_bytes = self._settings.cache_bytes
            cache = self._cache(claim.project_id)
            order = ReportOrder(spec=spec_path, report=report_path, cache=cache, cache_bytes=num_bytes)
            Path(order.spec).write_text(spec.model_dump_json())
            try:
                self._await(claim, order)
            except Overdrawn as error:
                found = error.failure
                return JobReport(is_valid=False, problem=Problem(code=found.code, message=found.message))
            report = JobReport.model_validate_json(Path(order.report).read_bytes())
            return report.model_copy(update={"base_commit": commit_of(spec)})

    def _cache(self, project_id: str) -> str | None:
        return str(self._storage.cache_dir(project_id)) if self._settings.cache_bytes else None

    def _resolved(self, claim: Claim) -> JobSpec:
        with self._database.reading() as session:
            origin = trained_models.origin(session, claim.spec.base_model, claim.spec.revision)
        source = source_of(
            origin,
            self._storage,
            hub_models=self._settings.hub_models,
            trusted_code=self._settings.trusted_code,
        )
        return resolve(claim.spec, pinned(source), self._storage)

    def _await(self, claim: Claim, order: ReportOrder) -> None:
        with closing(Reporter(self._warm, order)) as reporter:
            watch = None
            while not reporter.has_answered(_LOOK_SECONDS):
                self._beat(claim)
                if watch is None and reporter.pid is not None:
                    folder = Path(order.report).parent
                    watch = Watch(reporter.pid, folder, Rations.of(self._settings, folder))
                if watch is not None and (failure := watch.overdrawn()):
                    reporter.kill()
                    raise Overdrawn(failure)

    def _beat(self, claim: Claim) -> None:
        """See whether to go on, and keep the claim."""
        if self._stopping.is_set():
            raise NobodyWants
        if time.monotonic() - self._begun_at > self._settings.inspection_seconds:
            raise BrokenDown(f"no report within {self._settings.inspection_seconds:.0f} s")
        if time.monotonic() - self._renewed_at > self._settings.beat_seconds:
            self._renewed_at = time.monotonic()
            self._renew(claim)

    def _renew(self, claim: Claim) -> None:
        try:
            with self._database.writing() as session:
                is_wanted = inspections.renew(session, claim, _CLAIM_SECONDS)
        except UNAVAILABLE as error:
            log.warning("the database does not answer, finding out goes on: %s", error)
            return
        if not is_wanted:
            raise NobodyWants

    def _give_back(self, claim: Claim, *, is_charged: bool) -> None:
        with self._database.writing() as session:
            inspections.give_back(session, claim, is_charged=is_charged)
