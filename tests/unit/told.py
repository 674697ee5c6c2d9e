"""What a runner writes while its trainer runs, in one transaction as the recorder writes it."""

from store import events, leases, logs, metrics
from store.database import Database
from store.leases import Lease
from store.series import Point

PREDICTION = {"line": 1, "question": "Which?", "target": "7", "output": "1", "scores": {"exact_match": 0.0}}


def tell_step(database: Database, lease: Lease, step: int, *, is_evaluated: bool = False) -> None:
    """A step's numbers, a line of the log, an event, and perhaps an evaluation."""
    with database.writing() as session:
        leases.renew(session, lease, 90)
        events.record(session, lease.job_id, lease.attempt, "checkpoint_saved", f"Step {step}", {"step": step})
        if is_evaluated:
            told = {"step": step, "predictions": [PREDICTION]}
            events.record(session, lease.job_id, lease.attempt, "evaluation_completed", "Evaluated", told)
        metrics.record(session, lease, [Point("loss", step, 1 / step), Point("learning_rate", step, 0.5)])
        logs.record(session, lease, [f"line {step}"])


def succeed(database: Database, lease: Lease) -> None:
    """End the job."""
    with database.writing() as session:
        leases.succeed(session, lease)
