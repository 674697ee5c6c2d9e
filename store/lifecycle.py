"""The state machine of a job: every status, and every move between two of them.

```
validating ─▶ queued ─▶ running ─▶ succeeded | failed | cancelled
                ▲ │        │
                │ └▶ paused ◀┘      paused ─▶ queued | cancelled
                └── rescue, drain, retry
```

Asking is a flag on the job (`cancel_requested_at`), never a status. A retried job that was never found to fit goes back
to `validating`.
"""

from enum import StrEnum


class JobStatus(StrEnum):
    """What a job is to those who wait for it."""

    VALIDATING = "validating"
    """Its rows are being checked; it is not yet in the queue."""
    QUEUED = "queued"
    """It waits for a worker."""
    RUNNING = "running"
    """A runner holds its lease."""
    PAUSED = "paused"
    """It was asked to wait; its last checkpoint is kept."""
    SUCCEEDED = "succeeded"
    """Its artifact can be downloaded."""
    FAILED = "failed"
    """It cannot go on; `failure` says why."""
    CANCELLED = "cancelled"
    """It was asked to end."""


MOVES: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.VALIDATING: frozenset({JobStatus.QUEUED, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.PAUSED, JobStatus.CANCELLED}),
    JobStatus.RUNNING: frozenset(
        {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.PAUSED, JobStatus.QUEUED}
    ),
    JobStatus.PAUSED: frozenset({JobStatus.QUEUED, JobStatus.CANCELLED}),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset({JobStatus.QUEUED, JobStatus.VALIDATING}),
    JobStatus.CANCELLED: frozenset({JobStatus.QUEUED, JobStatus.VALIDATING}),
}

ENDED = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})
"""Statuses in which nothing happens any more unless somebody asks."""


def sources(target: JobStatus) -> frozenset[JobStatus]:
    """Statuses from which a job may move to `target`."""
    return frozenset(source for source, targets in MOVES.items() if target in targets)
