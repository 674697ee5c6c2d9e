"""Any order of what clients, workers, runners and time can do to jobs, on a real database beside a plain model of it.

To add a verb: a rule that calls it through `_ask` or `_as_holder`, and what it does to a `Model`.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from store import checkpoints, inspections, jobs, leases
from store.database import Database
from store.inspections import MAX_ATTEMPTS, Claim
from store.jobs import JobAlreadyEnded, NothingToSave, NotPausable, NotPaused, NotRetriable
from store.leases import MAX_INFRA_FAILURES, Failure, Lease, LeaseLost, Wish
from store.lifecycle import ENDED, JobStatus
from store.tables import Attempt, Checkpoint, Event, Inspection, Job
from tests.unit.store.job_model import (
    Look,
    Model,
    has_an_attempt_for_each_claim,
    has_an_owner_exactly_while_it_runs,
    has_kept_its_budget,
    has_moved_as_the_lifecycle_allows,
    is_as,
)
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.events import CheckpointSaved
from trainer_core.contract.report import JobReport, Problem
from trainer_core.contract.spec import JobSpec

LEASE_SECONDS, LOOK_SECONDS, BACKOFF_SECONDS = 95_000, 65_000, 5_000
"""Odd, while time passes in tens of thousands: that the machine takes a moment, or an hour, decides nothing."""
FITS = JobReport(is_valid=True)
DOES_NOT_FIT = JobReport(is_valid=False, problem=Problem(code=FailureCode.INVALID_DATASET, message="line 3"))
ENDINGS: Mapping[JobStatus, Callable[[Session, Lease], None]] = {
    JobStatus.SUCCEEDED: leases.succeed,
    JobStatus.FAILED: partial(leases.fail, failure=Failure(FailureCode.OUT_OF_MEMORY, "too big")),
    JobStatus.CANCELLED: leases.cancel,
}


class JobMachine(RuleBasedStateMachine):
    """The store under everything that can happen to it."""

    held = Bundle("held")
    """Every lease that was ever given: late writes of lost ones must change nothing."""
    looks = Bundle("looks")
    submitted = Bundle("submitted")
    of_any_job = submitted | held.map(attrgetter("job_id"))

    def __init__(self, database: Database, spec: JobSpec) -> None:
        super().__init__()
        self.database = database
        self.spec = spec
        self.now = 0.0
        self.models: dict[str, Model] = {}
        self.seen: dict[str, Job] = {}
        with database.writing() as session:
            for table in (Attempt, Checkpoint, Event, Inspection, Job):
                session.execute(delete(table))

    @initialize(target=held)
    def begin_with_a_job_at_work(self) -> Any:
        self.submit_and_find_it_to_fit(0)
        return self._claim()

    # what clients do

    @rule(target=submitted, priority=st.sampled_from([0, 0, 1]))
    @precondition(lambda self: self._num_open() < 3)
    def submit(self, priority: int) -> str:
        return self._submit(priority)

    def _submit(self, priority: int) -> str:
        with self.database.writing() as session:
            job = inspections.submit(session, self.spec.model_copy(update={"priority": priority}))
        self.models[job.id] = Model(job.id, priority, Look(claimed_until=self.now))
        return job.id

    @rule(target=submitted, priority=st.sampled_from([0, 0, 1]))
    @precondition(lambda self: self._num_open() < 3)
    def submit_and_find_it_to_fit(self, priority: int) -> str:
        job_id = self._submit(priority)
        while look := self._look():
            self.end_look(look, FITS)
        return job_id

    @rule(job_id=of_any_job)
    def cancel(self, job_id: str) -> None:
        model = self.models[job_id]
        if not self._ask(jobs.request_cancel, job_id, JobAlreadyEnded, model.status in ENDED - {JobStatus.CANCELLED}):
            return
        if model.status == JobStatus.RUNNING:
            model.wishes.add(Wish.CANCEL)
        elif model.is_waiting:
            model.wishes.add(Wish.CANCEL)
            model.look.is_finished = True
            model.move(JobStatus.CANCELLED)

    @rule(job_id=of_any_job)
    def pause(self, job_id: str) -> None:
        model = self.models[job_id]
        can_wait = model.status in {JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED}
        if self._ask(jobs.request_pause, job_id, NotPausable, not can_wait):
            model.wishes.add(Wish.PAUSE)
            if model.status == JobStatus.QUEUED:
                model.move(JobStatus.PAUSED)

    @rule(job_id=of_any_job)
    def resume(self, job_id: str) -> None:
        model = self.models[job_id]
        is_asked = model.status == JobStatus.RUNNING and Wish.PAUSE in model.wishes
        if self._ask(jobs.resume, job_id, NotPaused, not is_asked and model.status != JobStatus.PAUSED):
            model.wishes.discard(Wish.PAUSE)
            self._queue_if(model, model.status == JobStatus.PAUSED)

    @rule(job_id=of_any_job)
    def retry(self, job_id: str) -> None:
        model = self.models[job_id]
        if self._ask(jobs.retry, job_id, NotRetriable, model.status not in ENDED - {JobStatus.SUCCEEDED}):
            model.wishes.clear()
            model.start_afresh()
            if model.queued_at is None:
                model.move(JobStatus.VALIDATING)
                model.look = Look(claimed_until=self.now)
            self._queue_if(model, model.queued_at is not None)

    @rule(job_id=of_any_job)
    def finish(self, job_id: str) -> None:
        model = self.models[job_id]
        has_trained = model.status == JobStatus.RUNNING or (model.attempt > 0 and model.is_waiting)
        refusal = JobAlreadyEnded if model.status in ENDED else NothingToSave
        if self._ask(jobs.request_finish, job_id, refusal, not has_trained):
            model.wishes.add(Wish.FINISH)
            if model.status == JobStatus.PAUSED:
                model.wishes.discard(Wish.PAUSE)
                self._queue_if(model, is_so=True)

    # what happens by itself

    @rule(seconds=st.sampled_from([10_000, 40_000, 400_000]))
    def time_passes(self, seconds: int) -> None:
        """The database's clock cannot be moved, so every time that it is compared with moves the other way."""
        ago = timedelta(seconds=seconds)
        with self.database.writing() as session:
            for job in session.scalars(select(Job)):
                job.not_before -= ago
                job.queued_at = job.queued_at and job.queued_at - ago
                job.lease_until = job.lease_until and job.lease_until - ago
            for inspection in session.scalars(select(Inspection)):
                inspection.claimed_until -= ago
        for model in self.models.values():
            model.queued_at = model.queued_at and model.queued_at - ago
        self.now += seconds

    # what workers do

    @rule(target=looks)
    def look(self) -> Any:
        return self._look() or multiple()

    def _look(self) -> tuple[str, Claim] | None:
        due = [m for m in self.models.values() if not m.look.is_finished and m.look.claimed_until <= self.now]
        claim = self._write(lambda session: inspections.claim(session, LOOK_SECONDS))
        for model in due:  # oldest first, as they were submitted
            model.look.attempt += 1
            model.look.claimed_until = self.now + LOOK_SECONDS
            if model.look.attempt <= MAX_ATTEMPTS:
                assert claim is not None
                return model.id, claim
            model.look.is_finished = True
            model.move(JobStatus.FAILED)
        assert claim is None
        return None

    @rule(look=looks, report=st.sampled_from([FITS, FITS, DOES_NOT_FIT]))
    def end_look(self, look: tuple[str, Claim], report: JobReport) -> None:
        job_id, claim = look
        model, counts = self.models[job_id], self._is_looking(look)
        self._write(lambda session: inspections.finish(session, claim, report))
        if not counts:
            return
        model.look.is_finished = True
        model.move(JobStatus.QUEUED if report.is_valid else JobStatus.FAILED)
        self._queue_if(model, report.is_valid)

    @rule(look=looks)
    def renew_look(self, look: tuple[str, Claim]) -> None:
        counts = self._is_looking(look)

        assert self._write(lambda session: inspections.renew(session, look[1], LOOK_SECONDS)) == counts
        if counts:
            self.models[look[0]].look.claimed_until = self.now + LOOK_SECONDS

    @rule(look=consumes(looks), is_charged=st.booleans())
    def give_back_look(self, look: tuple[str, Claim], is_charged: bool) -> None:  # noqa: FBT001 - drawn by name
        model, counts = self.models[look[0]], self._is_looking(look)
        self._write(lambda session: inspections.give_back(session, look[1], is_charged=is_charged))
        if counts:
            model.look.claimed_until = self.now + (BACKOFF_SECONDS if is_charged else 0)
            model.look.attempt -= 0 if is_charged else 1

    @rule(target=held)
    def claim(self) -> Any:
        return self._claim() or multiple()

    def _claim(self) -> Lease | None:
        due = [m for m in self.models.values() if m.status == JobStatus.QUEUED and m.not_before <= self.now]
        lease = self._write(lambda session: leases.claim(session, worker="w", seconds=LEASE_SECONDS))
        if not due:
            assert lease is None
            return None
        assert isinstance(lease, Lease)
        best = min(due, key=lambda model: (-model.priority, model.queued_at, model.id))
        assert (lease.job_id, lease.attempt) == (best.id, best.attempt + 1)
        best.status, best.lease, best.attempt = JobStatus.RUNNING, lease, lease.attempt
        best.lease_until = self.now + LEASE_SECONDS
        return lease

    @rule()
    def sweep(self) -> None:
        """As `worker.rescue` does."""
        overdue = [m for m in self.models.values() if m.lease is not None and m.lease_until < self.now]
        with self.database.writing() as session:
            expired = list(leases.expired(session))
            assert sorted(lease.job_id for lease in expired) == sorted(model.id for model in overdue)
            for lease in expired:
                leases.charge(session, lease, "no sign of life")
        for model in overdue:
            self._charge(model)

    # what runners do, in time or too late

    @rule(lease=held)
    def beat(self, lease: Lease) -> None:
        if model := self._as_holder(leases.renew, lease, LEASE_SECONDS):
            model.lease_until = self.now + LEASE_SECONDS
            most_urgent = next((wish for wish in Wish if wish in model.wishes), None)
            assert self._write(lambda session: leases.wish(session, lease)) == most_urgent

    @rule(lease=held)
    def save_checkpoint(self, lease: Lease) -> None:
        """As `worker.recorder` does: what is told is written behind the beat, in one transaction."""
        step = self.models[lease.job_id].num_checkpoints + 1
        saved = CheckpointSaved(step=step, epoch=1.0, path="c", num_bytes=1, manifest_sha256="0" * 64, metrics={})

        def write(session: Session, lease: Lease) -> None:
            leases.renew(session, lease, LEASE_SECONDS)
            checkpoints.record(session, lease, saved)

        if model := self._as_holder(write, lease):
            model.num_checkpoints = step
            model.start_afresh()
            model.charged_from = lease.attempt
            model.lease_until = self.now + LEASE_SECONDS

    @rule(lease=held, ending=st.sampled_from(sorted(ENDINGS)))
    def end(self, lease: Lease, ending: JobStatus) -> None:
        if model := self._as_holder(ENDINGS[ending], lease):
            model.move(ending)

    @rule(lease=held)
    def give_back(self, lease: Lease) -> None:
        if model := self._as_holder(leases.give_back, lease, "its worker stops"):
            model.let_go(infra_failures=model.infra_failures)
            self._queue_if(model, model.status == JobStatus.QUEUED)

    @rule(lease=held)
    def charge(self, lease: Lease) -> None:
        if model := self._as_holder(leases.charge, lease, "it died"):
            self._charge(model)

    @rule(target=held, lease=held, times=st.integers(2, MAX_INFRA_FAILURES + 1))
    def die_again_and_again(self, lease: Lease, times: int) -> Any:
        given = []
        for _ in range(times):
            self.charge(lease)
            if other := self._claim():  # not yet the same one
                given.append(other)
            self.time_passes(400_000)
            self.the_records_are_sound()
            if (claimed := self._claim()) is None:
                break
            given.append(lease := claimed)
            self.the_records_are_sound()
        return multiple(*given)

    # what must always be true

    @invariant()
    def the_records_are_sound(self) -> None:
        with self.database.reading() as session:
            now = {job.id: job for job in session.scalars(select(Job))}
            attempts = session.scalars(select(Attempt)).all()
        for job_id, job in now.items():
            is_as(job, self.models[job_id])
            has_an_owner_exactly_while_it_runs(job)
            own = [one for one in attempts if one.job_id == job_id]
            has_an_attempt_for_each_claim(job, own)
            has_kept_its_budget(job, own, self.models[job_id].charged_from)
        for job_id, before in self.seen.items():
            has_moved_as_the_lifecycle_allows(before, now[job_id])
        self.seen = now

    def teardown(self) -> None:
        """Whatever has happened, every job can still be brought to an end by those who are there."""
        for model in self.models.values():
            self.resume(model.id)
        for _ in range(2):  # what was running is charged and waits once more
            self.time_passes(400_000)
            self.sweep()
            while look := self._write(lambda session: inspections.claim(session, LOOK_SECONDS)):
                self._write(lambda session, look=look: inspections.finish(session, look, FITS))
            while lease := self._write(lambda session: leases.claim(session, worker="w", seconds=LEASE_SECONDS)):
                self._write(lambda session, lease=lease: leases.succeed(session, lease))
        with self.database.reading() as session:
            assert set(session.scalars(select(Job.status))) <= ENDED

    # how a rule is carried out

    def _ask(self, verb: Callable[..., object], job_id: str, refusal: type[Exception], is_refused: bool) -> bool:  # noqa: FBT001
        """Ask for something as a client does; False if it is refused, when nothing may have changed."""
        if not is_refused:
            self._write(lambda session: verb(session, job_id))
            return True
        before = self._row(job_id)
        with pytest.raises(refusal):
            self._write(lambda session: verb(session, job_id))
        assert _columns(self._row(job_id)) == _columns(before)
        return False

    def _as_holder(self, act: Callable[..., object], lease: Lease, *details: object) -> Model | None:
        """Write as a runner does; None if the lease was lost, when nothing may have changed."""
        model = self.models[lease.job_id]
        if model.lease == lease:
            self._write(lambda session: act(session, lease, *details))
            return model
        before, num_checkpoints = self._row(lease.job_id), self._num_checkpoints(lease)
        with pytest.raises(LeaseLost):
            self._write(lambda session: act(session, lease, *details))
        assert _columns(self._row(lease.job_id)) == _columns(before)
        assert self._num_checkpoints(lease) == num_checkpoints
        return None

    def _num_open(self) -> int:
        return sum(model.status not in ENDED for model in self.models.values())

    def _is_looking(self, look: tuple[str, Claim]) -> bool:
        expected = self.models[look[0]].look
        return not expected.is_finished and expected.attempt == look[1].attempt

    def _charge(self, model: Model) -> None:
        failures = model.infra_failures
        if failures >= MAX_INFRA_FAILURES and Wish.CANCEL not in model.wishes:
            model.move(JobStatus.FAILED)
            return
        model.let_go(infra_failures=failures + 1)
        self._queue_if(model, model.status == JobStatus.QUEUED, after_seconds=BACKOFF_SECONDS * 2**failures)

    def _queue_if(self, model: Model, is_so: bool, *, after_seconds: float = 0) -> None:  # noqa: FBT001
        """Whose turn it is depends on when the database's clock said that a job was queued."""
        if is_so:
            model.status = JobStatus.QUEUED
            model.not_before = self.now + after_seconds
            model.queued_at = self._row(model.id).queued_at

    def _write(self, act: Callable[..., Any]) -> Any:
        with self.database.writing() as session:
            return act(session)

    def _row(self, job_id: str) -> Job:
        with self.database.reading() as session:
            return jobs.get(session, job_id)

    def _num_checkpoints(self, lease: Lease) -> int:
        with self.database.reading() as session:
            return len(checkpoints.of_job(session, lease.job_id))


def _columns(job: Job) -> dict[str, object]:
    return {column.key: getattr(job, column.key) for column in Job.__table__.columns}
