"""What a chaos run is: how long, how many, on what, and by which dice."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Plan:
    """One run, decided by its seed as far as processes let themselves be decided."""

    seed: int
    seconds: float
    """How long faults are injected."""
    recovery_seconds: float
    """How long the jobs have afterwards, at most."""
    database: Literal["sqlite", "postgresql"] = "sqlite"
    trainer: Literal["quick", "real"] = "quick"
    has_switch: bool = True
    """False is the ablation: trainers outlive their runners and their leases."""
    roles: tuple[str, ...] = ("api", "broker", "database", "worker", "runner", "trainer")
    """What faults befall."""
    num_workers: int = 3
    num_slots: int = 2
    """Of each worker: a trainer that nobody owns any more keeps its slot, and the next attempt takes another one."""
    num_jobs: int = 24
    num_steps: int = 300
    step_seconds: float = 0.05
    checkpoint_every: int = 20
    lease_seconds: float = 4.0
    """Short, so that many run out; a real trainer, whose start takes as long, wants a longer one."""
    mean_pause_seconds: float = 1.0
    """Between two dice; what they choose may not be there."""

    @property
    def steps_in_a_lease(self) -> int:
        """Steps that a trainer takes while its lease lasts."""
        return int(self.lease_seconds / self.step_seconds)


ROW = {"messages": [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": "This."}]}
"""Of which every job's dataset is made."""


def spec_of(plan: Plan, dataset: str, num_steps: int) -> dict[str, object]:
    """What a job of so many steps is submitted with."""
    return {
        "base_model": "starter",
        "train_dataset": dataset,
        "hyperparameters": {"num_epochs": 1_000, "max_steps": num_steps, "batch_size": 8},
        "checkpointing": {"every": plan.checkpoint_every},
    }


def undisturbed(kind: str) -> Plan:
    """No faults but those of the test; leases outlast a machine that stands still."""
    return Plan(seed=0, seconds=0, recovery_seconds=0, database=kind, num_slots=1, lease_seconds=90)  # type: ignore[arg-type]
