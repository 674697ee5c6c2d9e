"""Whatever clients, workers, runners and time do to jobs, in any order, their records stay sound."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from store import inspections, leases
from store.database import Database
from store.leases import MAX_INFRA_FAILURES
from tests.unit.store.job_machine import BACKOFF_SECONDS, JobMachine
from trainer_core.contract.spec import JobSpec


@pytest.fixture(autouse=True)
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the service wait as long as the machine takes it to."""
    monkeypatch.setattr(leases, "_BACKOFF_SECONDS", BACKOFF_SECONDS)
    monkeypatch.setattr(leases, "_MAX_BACKOFF_SECONDS", BACKOFF_SECONDS * 2**MAX_INFRA_FAILURES)
    monkeypatch.setattr(inspections, "_AGAIN_SECONDS", BACKOFF_SECONDS)


def run(database: Database, spec: JobSpec, max_examples: int) -> None:
    chosen = settings(
        max_examples=max_examples,
        stateful_step_count=30,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: JobMachine(database, spec), settings=chosen)  # type: ignore[arg-type]  # any factory will do


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_whatever_happens_in_whatever_order_a_job_has_one_owner_and_can_end(database: Database, spec: JobSpec) -> None:
    run(database, spec, max_examples=25)


@pytest.mark.long
@pytest.mark.parametrize(
    ("database_url", "max_examples"), [("sqlite", 2000), ("postgresql", 300)], indirect=["database_url"]
)
def test_the_same_by_thousands(database: Database, spec: JobSpec, max_examples: int) -> None:
    run(database, spec, max_examples)
