"""Requests as spans, and how a job keeps the trace of the request that has submitted it."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from store.database import Database
from store.files import Storage
from store.tables import Job
from tests.otlp_receiver import Collector, receiving
from tests.unit.bearing import bearer
from trainer_core.contract.spec import JobSpec

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
SERVER = 2
"""SPAN_KIND_SERVER."""
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with receiving() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.endpoint)
        yield found


def made(database_url: str, storage: Storage, api_key: str) -> TestClient:
    settings = Settings(database_url=database_url, broker_url="redis://127.0.0.1:1/0", storage_root=str(storage.root))
    return TestClient(create_app(settings), headers=bearer(api_key))


@pytest.fixture
def client(database_url: str, storage: Storage, api_key: str) -> TestClient:
    """Not entered: its rings are only asked for."""
    return made(database_url, storage, api_key)


@pytest.fixture
def traced(collector: Collector, database_url: str, storage: Storage, api_key: str) -> TestClient:
    assert collector
    return made(database_url, storage, api_key)


def close(client: TestClient) -> None:
    client.app.state.parts.traces.close()  # type: ignore[attr-defined]


def test_a_request_is_a_span_in_the_trace_of_its_client(collector: Collector, traced: TestClient) -> None:
    traced.get("/jobs/none?token=secret", headers={"traceparent": PARENT})
    close(traced)

    span = collector.only("GET /jobs/{job_id}")
    assert (span.trace_id, span.parent_id, span.kind, span.service) == (TRACE, SPAN, SERVER, "tuneyard-api")
    assert span.attributes["http.response.status_code"] == 404
    assert span.attributes["http.route"] == "/jobs/{job_id}"
    assert span.attributes["url.path"] == "/jobs/none"
    assert "secret" not in str(span)
    assert not span.is_error


def test_what_machines_ask_all_the_time_is_no_span(collector: Collector, traced: TestClient) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        traced.get(path)
    close(traced)

    assert collector.spans == []


def test_a_job_belongs_to_the_request_that_has_submitted_it(
    collector: Collector, traced: TestClient, database: Database, spec: JobSpec
) -> None:
    job_id = traced.post("/jobs", json=spec.model_dump(mode="json")).json()["id"]
    close(traced)

    request, row = collector.only("POST /jobs"), collector.only("write job")
    assert row.parent_id == request.span_id
    with database.reading() as session:
        job = session.get(Job, job_id)
    assert job is not None
    assert job.traceparent is not None
    assert job.traceparent.startswith(f"00-{request.trace_id}-{request.span_id}-")


@pytest.mark.parametrize(("sent", "kept"), [(PARENT, PARENT), ("nonsense", None)])
def test_a_service_that_traces_nothing_hands_on_what_its_client_sent(
    client: TestClient, database: Database, spec: JobSpec, sent: str, kept: str | None
) -> None:
    body = spec.model_dump(mode="json")

    job_id = client.post("/jobs", json=body, headers={"traceparent": sent}).json()["id"]

    with database.reading() as session:
        job = session.get(Job, job_id)
    assert job is not None
    assert job.traceparent == kept
