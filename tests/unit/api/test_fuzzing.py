"""Both documents are promises: whatever is sent, the answer is one that they name, and none is an error of ours."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.tries import Tries
from store import inspections, jobs, keys, permissions
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.files import Storage
from store.scopes import Scope
from store.trained_models import ModelName
from tests.unit.api.fuzzing import fuzz
from tests.unit.api.openai.fine_tuning import uploaded
from tests.unit.api.openai.rows import rows
from tests.unit.bearing import bearer
from tests.unit.hooked import add_endpoint, told
from tests.unit.leaving import leave_artifact
from tests.unit.queued import claim_submitted, submit_queued
from trainer_core.contract.spec import JobSpec

Ids = Mapping[str, Sequence[str]]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def app(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The service in a hurry, which reaches nobody: hosts that a fuzzer thinks of are not asked."""

    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "tests reach no other host")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    parts = app.state.parts
    settings = parts.settings.model_copy(update={"max_wait_seconds": 0.01, "chat_wait_seconds": 0.01})
    app.state.parts = replace(parts, settings=settings, tries=Tries(1_000_000))
    return app


@pytest.fixture
def ids(app: FastAPI, api_key: str, database: Database, storage: Storage, spec: JobSpec) -> Ids:
    """What there is: jobs that have succeeded, run and wait, and a thing of every other kind."""
    client = TestClient(app, headers=bearer(api_key))  # the service is started once, by whoever fuzzes it
    storage.dataset_path(spec.train_dataset).write_bytes(rows(1))
    endpoint = add_endpoint(database)  # before the job that it is told of
    succeeded = claim_submitted(database, spec)
    leave_artifact(database, storage, succeeded, {"model.safetensors": b"weights"})
    running = claim_submitted(database, spec)
    with database.writing() as session:
        model = str(ModelName.of(jobs.get(session, succeeded.job_id)))
        [permission] = permissions.add(session, model, [DEFAULT_PROJECT])
        queued = submit_queued(session, spec).id
        report = inspections.request(session, spec)
        key, _ = keys.create(session, project_id=DEFAULT_PROJECT, name="spare", scope=Scope.READ)
    file_ids = [uploaded(client), uploaded(client)]
    upload = {"purpose": "fine-tune", "filename": "a.jsonl", "bytes": 10, "mime_type": "text/jsonl"}
    there = {
        "job_id": [succeeded.job_id, running.job_id, queued],
        "dataset_id": file_ids,
        "file_id": file_ids,
        "report_id": [report],
        "upload_id": [client.post("/v1/uploads", json=upload).json()["id"]],
        "endpoint_id": [endpoint.id],
        "delivery_id": [one.id for one in told(database)],
        "model": [model, spec.base_model],
        "permission_id": [permission.id],
        "project_id": [DEFAULT_PROJECT],
        "key_id": [key.id],
        "path": ["model.safetensors"],
    }
    assert all(there.values())
    return there


DOCUMENTS = pytest.mark.parametrize("document", ["/openapi.json", "/v1/openapi.json"])


@DOCUMENTS
def test_every_answer_is_one_that_the_document_names(app: FastAPI, api_key: str, ids: Ids, document: str) -> None:
    """A few requests to each operation; what is at the edges of its schema is for the long form."""
    phases = {"coverage": {"enabled": False}, "stateful": {"max-steps": 3}}

    found = fuzz(app, document, api_key, ids, seed=1, generation={"max-examples": 3}, phases=phases)

    assert found.faults == []
    assert found.num_cases > 100
    assert max(found.statuses) < 500


@pytest.mark.long
@DOCUMENTS
@pytest.mark.parametrize("scope", [Scope.SUBMIT, Scope.ADMIN])
def test_so_is_every_one_of_thousands(app: FastAPI, database: Database, ids: Ids, document: str, scope: Scope) -> None:
    with database.writing() as session:
        _, key = keys.create(session, project_id=DEFAULT_PROJECT, name="fuzz", scope=scope)

    found = fuzz(app, document, key, ids, seed=2, generation={"max-examples": 5})

    assert found.faults == []
    assert found.num_cases > 1500
    assert max(found.statuses) < 500
    with database.reading() as session:
        assert keys.bearer(session, key)  # else most of it was refused for its key, after that was revoked
