"""What is known about a job before it trains, asked for over HTTP; a worker answers."""

from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from store.database import Database
from tests.unit.queued import pass_inspection
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.report import JobReport, Problem
from trainer_core.contract.spec import JobSpec

REPORT = JobReport(is_valid=False, problem=Problem(code=FailureCode.INVALID_SPEC, message="no such part"))


def body(spec: JobSpec) -> dict[str, object]:
    return spec.model_dump(mode="json")


@pytest.mark.parametrize("path", ["/jobs/validate", "/jobs/estimate", "/jobs/preview"])
def test_a_report_that_takes_longer_is_there_later(
    client: TestClient, database: Database, spec: JobSpec, path: str
) -> None:
    asked = client.post(path, json=body(spec), params={"wait": 0})
    with database.writing() as session:
        pass_inspection(session, REPORT)

    answer = client.get(asked.headers["Location"])

    assert (asked.status_code, asked.json()["report"]) == (202, None)
    assert (answer.status_code, JobReport.model_validate(answer.json()["report"])) == (200, REPORT)


def test_a_dry_run_submits_nothing(client: TestClient, spec: JobSpec, app: FastAPI) -> None:
    settings = app.state.parts.settings.model_copy(update={"max_wait_seconds": 0.01})
    app.state.parts = replace(app.state.parts, settings=settings)

    answer = client.post("/jobs", json=body(spec), params={"dry_run": True})

    assert answer.status_code == 202
    assert client.get("/jobs").json()["data"] == []


def test_asking_rings(client: TestClient, spec: JobSpec, doorbell: object) -> None:
    client.post("/jobs/validate", json=body(spec), params={"wait": 0})

    assert doorbell.num_rings == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "code"), [({"base_model": "gone"}, "unknown_model"), ({"train_dataset": "file-2"}, "unknown_dataset")]
)
def test_what_a_job_cannot_name_a_report_cannot_either(
    client: TestClient, spec: JobSpec, changes: dict[str, str], code: str
) -> None:
    assert client.post("/jobs/validate", json=body(spec) | changes).json()["code"] == code


def test_a_submitted_job_has_a_report(client: TestClient, database: Database, spec: JobSpec) -> None:
    job_id = client.post("/jobs", json=body(spec)).json()["id"]
    before = client.get(f"/jobs/{job_id}/report").json()
    with database.writing() as session:
        pass_inspection(session, REPORT)

    job, report = client.get(f"/jobs/{job_id}").json(), client.get(f"/jobs/{job_id}/report").json()

    assert before["code"] == "report_not_ready"
    assert (job["status"], job["failure"]["code"]) == ("failed", "invalid_spec")
    assert report["problem"]["message"] == "no such part"


@pytest.mark.parametrize(
    ("path", "code"), [("/reports/report-none", "report_not_found"), ("/jobs/ftjob-none/report", "job_not_found")]
)
def test_what_is_not_there_is_404(client: TestClient, path: str, code: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, code)
