"""The migrations and the tables say the same, on both databases."""

import subprocess
import sys

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from migrations.__main__ import config
from store import jobs, listing, metrics, submissions
from store.database import Database
from store.series import Point
from tests.unit.queued import claim_submitted
from trainer_core.contract.spec import JobSpec


@pytest.fixture(autouse=True)
def _at(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEYARD_DATABASE_URL", database_url)


def tables(url: str) -> list[str]:
    engine = create_engine(url)
    names = inspect(engine).get_table_names()
    engine.dispose()
    return names


def execute(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Carry out statements; gives the rows of the last."""
    engine = create_engine(url)
    with engine.begin() as connection:
        *_, last = [connection.execute(text(statement)) for statement in statements]
        rows = [tuple(row) for row in last] if last.returns_rows else []
    engine.dispose()
    return rows


def test_tables_and_migrations_agree() -> None:
    command.check(config())  # raises where a migration is missing


def test_every_migration_goes_down_again(database_url: str) -> None:
    command.downgrade(config(), "base")

    assert tables(database_url) == ["alembic_version"]


def test_down_and_up_again_leaves_the_same_tables(database_url: str) -> None:
    before = sorted(tables(database_url))

    command.downgrade(config(), "base")
    command.upgrade(config(), "head")

    assert sorted(tables(database_url)) == before


def test_migrations_that_begin_at_once_take_turns(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("one service has it to itself")
    command.downgrade(config(), "base")

    begun = [subprocess.Popen([sys.executable, "-m", "migrations"], stderr=subprocess.PIPE) for _ in range(3)]
    said = [one.communicate()[1] for one in begun]

    assert [one.returncode for one in begun] == [0, 0, 0], said
    command.check(config())


def test_points_of_metrics_survive_being_numbered(database_url: str) -> None:
    command.downgrade(config(), "0003")
    execute(
        database_url,
        "INSERT INTO jobs (id, status, spec, base_model, priority, attempt, not_before, infra_failures, created_at)"
        " VALUES ('j', 'queued', '{}', 'm', 0, 0, '2026-01-01', 0, '2026-01-01')",
        "INSERT INTO metrics VALUES ('j', 'loss', 1, 2, 0.5, '2026-01-02'), ('j', 'loss', 1, 1, 0.75, '2026-01-01')",
    )

    command.upgrade(config(), "0004")

    told = "SELECT id, name, step, value FROM metrics ORDER BY id"
    assert execute(database_url, told) == [(1, "loss", 1, 0.75), (2, "loss", 2, 0.5)]
    command.downgrade(config(), "0003")
    assert execute(database_url, "SELECT count(*) FROM metrics") == [(2,)]


def test_spans_of_old_points_are_those_that_are_written_beside_new_ones(
    database_url: str, database: Database, spec: JobSpec
) -> None:
    lease = claim_submitted(database, spec)
    with database.writing() as session:
        metrics.record(session, lease, [Point("loss", step, step * 7 % 40 / 8) for step in range(0, 3000, 3)])
    told = "SELECT * FROM metric_spans ORDER BY width, number"
    written = execute(database_url, told)

    command.downgrade(config(), "0005")
    command.upgrade(config(), "0006")

    assert execute(database_url, told) == written


def test_a_job_that_is_sent_again_over_the_upgrade_is_found(database_url: str, database: Database) -> None:
    command.downgrade(config(), "0011")
    execute(
        database_url,
        "INSERT INTO jobs (id, status, spec, base_model, priority, attempt, not_before, infra_failures, created_at)"
        " VALUES ('j', 'queued', '{}', 'm', 0, 0, '2026-01-01', 0, '2026-01-01')",
        "INSERT INTO idempotency_keys (key, spec_sha256, job_id, created_at) VALUES ('k', 'digest', 'j', '9999-01-01')",
    )

    command.upgrade(config(), "0012")

    def found() -> str | None:
        with database.reading() as session:
            return submissions.made_before(session, "k", "job", "digest", is_retry=False)

    assert found() == "j"
    command.downgrade(config(), "0011")
    command.upgrade(config(), "0012")
    assert found() == "j"


def test_jobs_of_sweeps_from_before_the_upgrade_are_found(database: Database, spec: JobSpec) -> None:
    with database.writing() as session:
        job_id = jobs.submit(session, spec.model_copy(update={"metadata": {"sweep": "sweep-1", "team": "a"}})).id
        jobs.submit(session, spec)
    database.close()

    command.downgrade(config(), "0012")
    command.upgrade(config(), "head")

    with database.reading() as session:
        assert [job.id for job in listing.page(session, metadata={"sweep": "sweep-1"}, limit=20)] == [job_id]


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory.from_config(config()).get_heads()) == 1
