"""Never lost, never twice: the real service while its parts are killed and frozen."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.experiment import Outcome, carry_out
from tests.chaos.plan import ROOT, Plan

NO_TORCH = "import sys, tests.chaos.quick_trainer, tests.chaos.witness; sys.exit('torch' in sys.modules)"

Try = Callable[[Plan], Outcome]


@pytest.fixture
def attempt(tmp_path: Path) -> Try:
    """Carries a plan out and leaves everything that happened beside the test's other files."""

    def carry(plan: Plan) -> Outcome:
        folder = tmp_path / "instance"
        folder.mkdir()
        outcome = carry_out(plan, folder)
        outcome.save(tmp_path / "outcome.json")
        return outcome

    return carry


def test_the_quick_trainer_loads_no_torch() -> None:
    assert subprocess.run([sys.executable, "-c", NO_TORCH], cwd=ROOT, check=False).returncode == 0


def test_under_random_faults_every_job_ends_once(attempt: Try) -> None:
    # A lease lasts longer than a machine stands still: what ends the attempts are the faults.
    plan = Plan(seed=7, seconds=25, recovery_seconds=400, num_workers=2, num_jobs=4, num_steps=80, lease_seconds=12)

    outcome = attempt(plan)

    assert outcome.verdict.wrong == []
    assert sum(outcome.verdict.statuses.values()) == plan.num_jobs


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_under_hundreds_of_faults_every_job_ends_once(attempt: Try, database: str, seed: int) -> None:
    plan = Plan(seed=seed, seconds=200, recovery_seconds=400, database=database)  # type: ignore[arg-type]

    outcome = attempt(plan)

    assert outcome.verdict.wrong == []
    assert sum(outcome.verdict.statuses.values()) == plan.num_jobs


RUNNERS_ONLY = Plan(
    seed=1,
    seconds=90,
    recovery_seconds=200,
    roles=("runner",),
    mean_pause_seconds=3,
    num_jobs=8,
    num_steps=600,
)
"""Nothing keeps the next attempt waiting, and the one before has much left to do."""


@pytest.mark.long
def test_trainers_whose_runners_are_gone_or_frozen_do_not_overlap(attempt: Try) -> None:
    assert attempt(RUNNERS_ONLY).verdict.job_overlaps == []


@pytest.mark.long
def test_without_their_switch_they_do(attempt: Try) -> None:
    assert len(attempt(replace(RUNNERS_ONLY, has_switch=False)).verdict.job_overlaps) >= 1


@pytest.mark.long
def test_real_trainers_under_random_faults_end_once(attempt: Try) -> None:
    plan = replace(RUNNERS_ONLY, roles=Plan.roles, trainer="real", lease_seconds=15, mean_pause_seconds=8)

    outcome = attempt(replace(plan, seconds=120, recovery_seconds=400, num_jobs=4, num_steps=200, num_slots=1))

    assert outcome.verdict.wrong == []
