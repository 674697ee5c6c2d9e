"""Jobs that are told to trackers, and what they tell."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update

from store import events, leases, metrics, trackings
from store.clock import from_now
from store.database import Database
from store.leases import Lease
from store.series import Point
from store.tables import Event
from store.tracking_tables import Tracking
from store.trackings import Claim
from tests.unit.queued import claim_submitted
from trainer_core.contract.integrations import TensorBoard, Wandb
from trainer_core.contract.spec import JobSpec

KINDS = ("tensorboard", "mlflow", "wandb", "hub")
SAMPLE = {
    "line": 7,
    "question": "Which digit is this?",
    "target": "4",
    "output": "9",
    "scores": {"exact_match": 0.0},
    "thumbnails": ["data:image/png;base64,AA=="],
}


def tracked(spec: JobSpec, *targets: Any) -> JobSpec:
    """A spec that names trackers."""
    return spec.model_copy(update={"integrations": targets or (TensorBoard(),)})


def run_tracked(database: Database, spec: JobSpec, *targets: Any) -> Lease:
    """Submit a job that names trackers, and have a worker claim it."""
    return claim_submitted(database, tracked(spec, *targets))


def run_again(database: Database, lease: Lease) -> Lease:
    """Have the job's next attempt begin."""
    with database.writing() as session:
        leases.give_back(session, lease, "the worker stops")
        again = leases.claim(session, worker="w", seconds=90)
    assert again is not None
    return again


def tell_steps(database: Database, lease: Lease, steps: Sequence[int], name: str = "loss") -> None:
    """Write a point for each step, `1 / step`, as the recorder does."""
    with database.writing() as session:
        leases.renew(session, lease, 90)
        metrics.record(session, lease, [Point(name, step, 1 / step) for step in steps])


def evaluate(database: Database, lease: Lease, step: int) -> None:
    """Write an evaluation with a sample answer."""
    data = {"step": step, "loss": 0.5, "scores": {}, "predictions": [SAMPLE]}
    with database.writing() as session:
        leases.renew(session, lease, 90)
        metrics.record(session, lease, [Point("eval_loss", step, 0.5)])
        events.record(session, lease.job_id, lease.attempt, events.EVALUATION, "Evaluated", data)


def claim_all(database: Database, seconds: float = 60) -> list[Claim]:
    """Claim what is due."""
    with database.writing() as session:
        return trackings.claim(session, KINDS, seconds=seconds, limit=10)


def claim_one(database: Database) -> Claim:
    """Claim the one tracking that is due."""
    [found] = claim_all(database)
    return found


def rows(database: Database) -> list[Tracking]:
    """All trackings."""
    with database.reading() as session:
        return list(session.scalars(select(Tracking).order_by(Tracking.id)))


def told(database: Database, prefix: str = "track") -> list[Event]:
    """Events that trackings have told jobs, oldest first."""
    with database.reading() as session:
        return list(session.scalars(select(Event).where(Event.type.startswith(prefix)).order_by(Event.id)))


def have_failed_for(database: Database, seconds: float) -> None:
    """Set back when trackings began to fail, and have them due now."""
    with database.writing() as session:
        session.execute(
            update(Tracking)
            .where(Tracking.failing_since.is_not(None))
            .values(failing_since=from_now(-seconds), next_try_at=from_now())
        )


TWO = (TensorBoard(), Wandb(project="digits"))
