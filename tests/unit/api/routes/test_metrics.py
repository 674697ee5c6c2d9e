"""What `/metrics` tells, to whom, and how much it asks of the database."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as parsed
from sqlalchemy import event, update

from api.app import create_app
from api.dependencies import Parts
from api.settings import Settings
from store import keys, leases, projects, workers
from store.clock import from_now
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.leases import Lease
from store.scopes import Scope
from store.tables import Event
from store.workers import Counted
from tests.unit.bearing import bearer

PAGE = (Path(__file__).parents[4] / "docs" / "telemetry.md").read_text()
STANDARD = ("python_", "process_")
"""Metrics that every program with this client library has."""
UNITS = ("_seconds", "_bytes")
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # tests of store/ ask both


@pytest.fixture
def parts(app: FastAPI) -> Parts:
    found = app.state.parts
    assert isinstance(found, Parts)
    return found


@pytest.fixture
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is asked each time."""
    monkeypatch.setattr("api.standing.FRESH_SECONDS", 0)


def scraped(client: TestClient) -> dict[str, dict[tuple[str, ...], float]]:
    """Samples by name, then by the values of their labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in parsed(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def names(parts: Parts) -> Iterator[tuple[str, str]]:
    """Name and kind of every metric of ours, as queries have it."""
    for family in parts.meters.registry.collect():
        if not family.name.startswith(STANDARD):
            yield family.name + ("_total" if family.type == "counter" else ""), family.type


def test_jobs_are_told_by_status(client: TestClient, job_id: str) -> None:
    assert job_id
    assert scraped(client)["tuneyard_jobs"]["queued",] == 1


def test_a_busy_worker_is_told(client: TestClient, database: Database, lease: Lease) -> None:
    with database.writing() as session:
        leases.occupy(session, lease, ["cpu-0"])
        workers.see(session, "w", num_slots=2, memory_bytes=5, gpus=(), tallies={Counted.RUNNERS_STARTED: 3})

    found = scraped(client)

    assert found["tuneyard_workers"][()] == 1
    assert (found["tuneyard_worker_slots"]["w",], found["tuneyard_worker_slots_busy"]["w",]) == (2, 1)
    assert found["tuneyard_worker_runners_started_total"]["w",] == 3


@pytest.mark.usefixtures("_fresh")
def test_what_happens_after_the_first_scrape_is_counted(client: TestClient, database: Database, lease: Lease) -> None:
    assert scraped(client)["tuneyard_attempts_ended_total"]["lost",] == 0

    with database.writing() as session:
        leases.charge(session, lease, "gone")
        session.execute(update(Event).values(created_at=from_now(-60)))

    assert scraped(client)["tuneyard_attempts_ended_total"]["lost",] == 1
    assert scraped(client)["tuneyard_attempts_ended_total"]["lost",] == 1


def test_a_request_is_counted_by_the_template_of_its_path(client: TestClient, job_id: str) -> None:
    client.get(f"/jobs/{job_id}")
    client.get(f"/jobs/{job_id}/events")
    client.get("/jobs/none")

    counts = scraped(client)["tuneyard_http_request_duration_seconds_count"]

    assert counts["GET", "/jobs/{job_id}", "200"] == 1
    assert counts["GET", "/jobs/{job_id}/events", "200"] == 1
    assert counts["GET", "/jobs/{job_id}", "404"] == 1


def test_words_of_clients_become_no_labels(client: TestClient) -> None:
    client.request("BREW", "/coffee")
    client.get("/a/b/c/d")

    counts = scraped(client)["tuneyard_http_request_duration_seconds_count"]

    assert {labels[:2] for labels in counts} == {("other", "other"), ("GET", "other")}


def test_bytes_of_bodies_are_counted(client: TestClient) -> None:
    client.post("/jobs", content=b"x" * 1000)
    length = int(client.get("/openapi.json").headers["content-length"])

    found = scraped(client)

    assert found["tuneyard_http_request_bytes_total"][()] == 1000
    assert found["tuneyard_http_response_bytes_total"][()] > length


def test_a_wrong_key_is_counted(client: TestClient) -> None:
    client.get("/jobs", headers=bearer("ty_wrong"))

    assert scraped(client)["tuneyard_wrong_keys_total"][()] == 1


def test_a_ring_that_nobody_could_hear_is_counted(parts: Parts) -> None:
    settings = parts.settings
    app = create_app(settings.model_copy(update={"open_metrics": True}))
    doorbell = app.state.parts.doorbell._doorbell  # noqa: SLF001 - the real one, on a broker that is not there

    doorbell.ring()

    assert scraped(TestClient(app))["tuneyard_doorbell_rings_total"]["jobs", "failed"] == 1


@pytest.mark.parametrize(
    ("scope", "is_first", "status"),
    [(Scope.READ, True, 200), (Scope.READ, False, 403), (Scope.SUBMIT, False, 403), (Scope.ADMIN, False, 200)],
)
def test_keys_of_other_projects_do_not_see_the_service(
    client: TestClient, database: Database, *, scope: Scope, is_first: bool, status: int
) -> None:
    with database.writing() as session:
        project_id = DEFAULT_PROJECT if is_first else projects.add(session, "others").id
        _, key = keys.create(session, project_id=project_id, name="scraper", scope=scope)

    assert client.get("/metrics", headers=bearer(key)).status_code == status


def test_without_a_key_nothing_is_told_unless_it_is_open(app: FastAPI, parts: Parts) -> None:
    opened = create_app(parts.settings.model_copy(update={"open_metrics": True}))

    assert TestClient(app).get("/metrics").status_code == 401
    assert TestClient(opened).get("/metrics").status_code == 200
    assert TestClient(opened).get("/jobs").status_code == 401


def test_openmetrics_is_told_to_whoever_asks_for_it(client: TestClient, job_id: str) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    parsed_again: Any = openmetrics.text_string_to_metric_families  # it has no types
    families = {family.name: family for family in parsed_again(answer.text)}
    assert job_id
    assert sum(sample.value for sample in families["tuneyard_jobs"].samples) == 1


def test_many_who_scrape_at_once_ask_the_database_once(client: TestClient, parts: Parts) -> None:
    asked: list[str] = []
    event.listen(parts.database.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    scraped(client)
    once = sum("FROM jobs" in statement for statement in asked)
    scraped(client)

    assert once == sum("FROM jobs" in statement for statement in asked) > 0


@pytest.mark.usefixtures("_fresh")
def test_without_the_database_the_process_tells_of_itself(parts: Parts, tmp_path: Path) -> None:
    app = create_app(
        Settings(
            database_url=f"sqlite:///{tmp_path}/empty.db",  # no table is there
            broker_url=parts.settings.broker_url,
            storage_root=parts.settings.storage_root,
            open_metrics=True,
        )
    )

    found = scraped(TestClient(app))

    assert found["tuneyard_database_up"][()] == 0
    assert "tuneyard_jobs" not in found
    assert "tuneyard_http_requests_in_flight" in found


def test_names_are_as_prometheus_wants_them(parts: Parts) -> None:
    for name, kind in names(parts):
        assert re.fullmatch(r"tuneyard_[a-z]+(_[a-z]+)*", name), name
        assert name.endswith("_total") == (kind == "counter"), name
        stem = name.removesuffix("_total")
        assert not re.search(r"(milli|micro|nano|kilo|mega|giga)(second|byte)|minutes|hours|percent|_ms$", name), name
        assert kind != "histogram" or stem.endswith(UNITS), name
        assert not re.search(r"(gauge|counter|histogram|count|sum|bucket)$", stem), name


def test_every_metric_has_a_help_and_stands_in_the_docs(parts: Parts) -> None:
    documented = set(re.findall(r"^\| `(tuneyard_\w+)", PAGE, re.MULTILINE))

    assert all(family.documentation for family in parts.meters.registry.collect())
    assert documented == {name for name, _ in names(parts)}
