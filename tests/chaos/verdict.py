"""Whether nothing was lost and nothing was done twice: what the records, the files and the witness say afterwards."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sqlalchemy import func, select

from store import metrics
from store.database import Database
from store.files import Storage
from store.leases import MAX_INFRA_FAILURES
from store.lifecycle import ENDED, JobStatus
from store.tables import Artifact, Attempt, Event, Job
from tests.chaos.plan import Plan
from tests.chaos.quick_trainer import STATE, state_after
from tests.chaos.witness import Seen
from trainer_core.contract.manifest import Manifest


@dataclass(frozen=True)
class Interval:
    """The steps that one attempt took."""

    job_id: str
    attempt: int
    slot: str
    first: Seen
    last: Seen
    num_steps: int


@dataclass
class Verdict:
    """What was found; empty `wrong` is a pass."""

    wrong: list[str] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    exhausted: list[str] = field(default_factory=list)
    """Jobs that failed as `infra_exhausted`, each with how its attempts ended."""
    num_attempts: int = 0
    job_overlaps: list[str] = field(default_factory=list)
    slot_overlaps: list[str] = field(default_factory=list)
    num_artifacts: int = 0
    num_steps: int = 0
    num_redone_steps: int = 0
    redone_by_interruption: list[int] = field(default_factory=list)
    gap_seconds: list[float] = field(default_factory=list)
    """From an attempt's last step to the next attempt's first."""


def judge(plan: Plan, database: Database, storage: Storage, seen: Sequence[Seen], submitted: Sequence[str]) -> Verdict:
    """Look at everything that a run has left."""
    verdict = Verdict()
    _judge_witness(verdict, intervals(seen))
    with database.reading() as session:
        jobs = {job.id: job for job in session.scalars(select(Job))}
        attempts = session.scalars(select(Attempt).order_by(Attempt.job_id, Attempt.number)).all()
        won = Counter(session.scalars(select(Event.job_id).where(Event.type == "job_succeeded")))
        num_artifacts = session.scalar(select(func.count()).select_from(Artifact)) or 0
        steps = {job_id: metrics.read(session, job_id, names=["loss"]) for job_id in jobs}
    if not verdict.num_steps:
        verdict.wrong.append("no trainer has taken a step")
    verdict.statuses = dict(Counter(job.status for job in jobs.values()))
    verdict.num_attempts, verdict.num_artifacts = len(attempts), num_artifacts
    if sorted(jobs) != sorted(submitted):
        verdict.wrong.append(f"{len(submitted)} jobs were submitted, {len(jobs)} are there")
    for job in jobs.values():
        own = [one for one in attempts if one.job_id == job.id]
        verdict.wrong += _faults_of_row(job, own)
        if job.status == JobStatus.SUCCEEDED:
            verdict.wrong += _faults_of_artifact(plan, storage, job)
            if won[job.id] != 1:
                verdict.wrong.append(f"{job.id} succeeded {won[job.id]} times")
            if [series.steps for series in steps[job.id]] != [list(range(1, plan.num_steps + 1))]:
                verdict.wrong.append(f"{job.id}: its metrics are not steps 1 to {plan.num_steps}, each once")
        elif job.failure_code == "infra_exhausted" and _has_spent_its_budget(own):
            verdict.exhausted.append(f"{job.id}: {', '.join(str(one.outcome) for one in own)}")
        elif job.status in ENDED:
            verdict.wrong.append(f"{job.id} is {job.status}: {job.failure_message}")
    if num_artifacts != verdict.statuses.get("succeeded", 0):
        verdict.wrong.append(f"{num_artifacts} artifacts of {verdict.statuses.get('succeeded', 0)} succeeded jobs")
    return verdict


def intervals(seen: Sequence[Seen]) -> list[Interval]:
    """What each attempt did, in the order in which they began."""
    by_attempt: defaultdict[tuple[str, int], list[Seen]] = defaultdict(list)
    for one in seen:
        by_attempt[one.job_id, one.attempt].append(one)
    made = [
        Interval(job_id, attempt, steps[0].slot, steps[0], steps[-1], len(steps))
        for (job_id, attempt), steps in by_attempt.items()
    ]
    return sorted(made, key=lambda one: one.first.at)


def overlaps(found: Sequence[Interval]) -> list[str]:
    """Where an attempt was still at it when the next one began; all are of one job, or of one slot."""
    return [
        f"{later.job_id} attempt {later.attempt} began {earlier.last.at - later.first.at:.1f} s before the end of "
        f"{earlier.job_id} attempt {earlier.attempt}"
        for earlier, later in pairwise(found)
        if later.first.at <= earlier.last.at
    ]


def _judge_witness(verdict: Verdict, found: Sequence[Interval]) -> None:
    for of_job in _grouped(found, lambda one: one.job_id).values():
        verdict.job_overlaps += overlaps(of_job)
        for earlier, later in pairwise(of_job):
            verdict.gap_seconds.append(round(later.first.at - earlier.last.at, 3))
            redone = max(0, earlier.last.step - later.first.step + 1)
            verdict.redone_by_interruption.append(redone)
        verdict.num_steps += sum(one.num_steps for one in of_job)
        verdict.num_redone_steps += sum(one.num_steps for one in of_job) - max(one.last.step for one in of_job)
    for on_slot in _grouped(found, lambda one: one.slot).values():
        verdict.slot_overlaps += overlaps(on_slot)
    verdict.wrong += [f"overlap: {one}" for one in verdict.job_overlaps]
    verdict.wrong += [f"overlap on one slot: {one}" for one in verdict.slot_overlaps]


def _grouped(found: Sequence[Interval], key: object) -> Mapping[str, list[Interval]]:
    groups: defaultdict[str, list[Interval]] = defaultdict(list)
    for one in found:
        groups[key(one)].append(one)  # type: ignore[operator]
    return groups


def _faults_of_row(job: Job, attempts: Sequence[Attempt]) -> list[str]:
    rules = {
        "has not ended": job.status in ENDED,
        "still has an owner": job.owner_token is None and job.lease_until is None,
        "has lost count of its attempts": [one.number for one in attempts] == list(range(1, job.attempt + 1)),
        "has an attempt that is still open": all(one.ended_at is not None for one in attempts),
        "has more faults than its budget": job.infra_failures <= MAX_INFRA_FAILURES,
    }
    return [f"{job.id} ({job.status}, attempt {job.attempt}) {rule}" for rule, holds in rules.items() if not holds]


def _faults_of_artifact(plan: Plan, storage: Storage, job: Job) -> list[str]:
    artifact = job.artifact
    if artifact is None:
        return [f"{job.id} succeeded without an artifact"]
    folder = storage.run_dir(job.id, artifact.attempt) / artifact.path
    manifest = Manifest.load(folder)
    if not manifest.is_true_of(folder) or manifest.sha256 != artifact.manifest_sha256:
        return [f"{job.id}: its artifact is not what its manifest says"]
    if plan.trainer == "quick" and (folder / STATE).read_text() != f"{plan.num_steps} {state_after(plan.num_steps)}":
        return [f"{job.id}: its artifact is not that of an undisturbed run"]
    return []


def _has_spent_its_budget(attempts: Sequence[Attempt]) -> bool:
    last = [one.outcome for one in attempts[-MAX_INFRA_FAILURES - 1 :]]
    return last == ["lost"] * MAX_INFRA_FAILURES + ["failed"]
