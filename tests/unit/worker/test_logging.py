"""What a worker and its runners log: a JSON object a line, with the job and the attempt that it is about."""

import json
from pathlib import Path

import pytest

from store import jobs
from store.columns import DEFAULT_PROJECT
from store.database import Database
from store.files import Storage
from store.lifecycle import JobStatus
from tests.patience import until
from tests.unit.queued import submit_queued
from tests.unit.worker.processes import broker, worker
from trainer_core.contract.spec import JobSpec


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_lines_tell_the_job_and_the_attempt_that_they_are_about(
    database: Database, database_url: str, spec: JobSpec, storage: Storage, tmp_path: Path
) -> None:
    with database.writing() as session:
        job_id = submit_queued(session, spec).id

    def is_done() -> bool:
        with database.reading() as session:
            return jobs.get(session, job_id).status == JobStatus.SUCCEEDED

    with broker(tmp_path / "broker", "secret") as found:
        environment = {
            "TUNEYARD_DATABASE_URL": database_url,
            "TUNEYARD_BROKER_URL": found.url,
            "TUNEYARD_STORAGE_ROOT": str(storage.root),
            "TUNEYARD_LOG_FORMAT": "json",
        }
        with worker(environment, "succeed", tmp_path / "worker.log"):
            until(is_done, 300)

    log = (tmp_path / "worker.log").read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    of_attempt = [line for line in lines if line.get("job_id") == job_id]
    assert {line["program"] for line in of_attempt} == {"runner", "worker"}
    assert {line.get("attempt") for line in of_attempt} == {1}
    assert {line["project_id"] for line in of_attempt if line["program"] == "runner"} == {DEFAULT_PROJECT}
    assert "celery" in {line["logger"].split(".")[0] for line in lines}
