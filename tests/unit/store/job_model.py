"""What the row of a job should be, in plain Python, and what must be true of rows at any time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from store.leases import MAX_INFRA_FAILURES, Lease, Wish
from store.lifecycle import ENDED, MOVES, JobStatus
from store.tables import Attempt, Job


@dataclass
class Look:
    """What a job's inspection should be."""

    attempt: int = 0
    claimed_until: float = 0
    is_finished: bool = False


@dataclass
class Model:
    """What a job's row should be; times are seconds of the machine's own clock."""

    id: str
    priority: int
    look: Look
    status: JobStatus = JobStatus.VALIDATING
    lease: Lease | None = None
    attempt: int = 0
    lease_until: float = 0
    not_before: float = 0
    queued_at: datetime | None = None
    infra_failures: int = 0
    charged_from: int = 1
    """The first attempt whose faults count: those before the last checkpoint or retry do not."""
    wishes: set[Wish] = field(default_factory=set)
    num_checkpoints: int = 0

    @property
    def is_waiting(self) -> bool:
        return self.status not in {JobStatus.RUNNING, *ENDED}

    def move(self, status: JobStatus) -> None:
        self.status, self.lease = status, None

    def let_go(self, *, infra_failures: int) -> None:
        if Wish.CANCEL in self.wishes:
            self.move(JobStatus.CANCELLED)
            return
        self.move(JobStatus.PAUSED if Wish.PAUSE in self.wishes else JobStatus.QUEUED)
        self.infra_failures = infra_failures

    def start_afresh(self) -> None:
        self.infra_failures, self.charged_from = 0, self.attempt + 1


def is_as(job: Job, model: Model) -> None:
    asked = {
        Wish.CANCEL: job.cancel_requested_at,
        Wish.PAUSE: job.pause_requested_at,
        Wish.FINISH: job.finish_requested_at,
    }
    wishes = {wish for wish, at in asked.items() if at is not None}
    token = model.lease.owner_token if model.lease else None
    expected = (model.status, model.attempt, token, model.infra_failures, model.wishes)
    assert (job.status, job.attempt, job.owner_token, job.infra_failures, wishes) == expected


def has_an_owner_exactly_while_it_runs(job: Job) -> None:
    is_running = job.status == JobStatus.RUNNING
    assert (job.owner_token is not None, job.lease_until is not None) == (is_running, is_running)
    assert (job.finished_at is not None) == (job.status in ENDED)


def has_an_attempt_for_each_claim(job: Job, attempts: Sequence[Attempt]) -> None:
    assert sorted(one.number for one in attempts) == list(range(1, job.attempt + 1))
    assert [one.number for one in attempts if one.ended_at is None] == [job.attempt] * (job.status == JobStatus.RUNNING)


def has_kept_its_budget(job: Job, attempts: Sequence[Attempt], charged_from: int) -> None:
    lost = [one.number for one in attempts if one.outcome == "lost" and one.number >= charged_from]
    # Whoever asked for the end is given it by one fault more, where all others have ended in another attempt.
    assert len(lost) <= MAX_INFRA_FAILURES + (job.status == JobStatus.CANCELLED)


def has_moved_as_the_lifecycle_allows(before: Job, after: Job) -> None:
    assert after.status == before.status or after.status in MOVES[before.status]
    assert before.attempt <= after.attempt <= before.attempt + 1
