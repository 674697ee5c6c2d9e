"""Runs at MLflow, read back from its database by its own client."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Metric, Run
from mlflow.tracking import MlflowClient

from store import leases
from store.database import Database
from store.files import Storage
from store.leases import Failure, Lease
from tests.unit.tracked import evaluate, run_again, run_tracked, tell_steps
from tests.unit.worker.following import follow, place_of, rewind
from trainer_core.contract.errors import FailureCode
from trainer_core.contract.integrations import MLflow
from trainer_core.contract.spec import JobSpec

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of its own, about SQLAlchemy
TARGET = MLflow(experiment="digits", run_name="first try", tags={"team": "vision"})


@pytest.fixture(scope="module")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database, with an experiment whose artifacts lie beside it."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def mlflow(mlflow_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """A client of a database of its own."""
    path = tmp_path / "mlflow.db"
    shutil.copy(mlflow_template, path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
    client = MlflowClient()
    client.create_experiment("digits", artifact_location=(tmp_path / "artifacts").as_uri())
    return client


@pytest.fixture
def lease(database: Database, spec: JobSpec, mlflow: MlflowClient) -> Lease:
    assert mlflow
    return run_tracked(database, spec, TARGET)


def the_run(mlflow: MlflowClient) -> Run:
    experiment = mlflow.get_experiment_by_name("digits")
    assert experiment is not None
    [run] = mlflow.search_runs([experiment.experiment_id])
    return run


def points(mlflow: MlflowClient) -> list[Metric]:
    return sorted(mlflow.get_metric_history(the_run(mlflow).info.run_id, "loss"), key=lambda one: one.step)


def test_the_run_is_that_of_the_spec(database: Database, storage: Storage, lease: Lease, mlflow: MlflowClient) -> None:
    follow(database, storage)

    run = the_run(mlflow)
    assert run.info.run_name == "first try"
    assert run.data.params["hyperparameters.learning_rate"] == "0.0001"
    assert (run.data.tags["team"], run.data.tags["tuneyard.job_id"]) == ("vision", lease.job_id)
    assert run.info.status == "RUNNING"


def test_the_run_leads_to_the_jobs_page(
    database: Database, storage: Storage, lease: Lease, mlflow: MlflowClient
) -> None:
    follow(database, storage, public_url="https://tuneyard.example.com/")

    assert the_run(mlflow).data.tags["tuneyard.url"] == f"https://tuneyard.example.com/#/jobs/{lease.job_id}"


def test_points_stand_at_their_steps_and_times(
    database: Database, storage: Storage, lease: Lease, mlflow: MlflowClient
) -> None:
    tell_steps(database, lease, [1, 2, 4])

    follow(database, storage)

    assert [(one.step, one.value) for one in points(mlflow)] == [(1, 1.0), (2, 0.5), (4, 0.25)]
    assert all(one.timestamp > the_run(mlflow).info.start_time for one in points(mlflow))


def test_what_was_written_before_a_crash_comes_once(
    database: Database, storage: Storage, lease: Lease, mlflow: MlflowClient
) -> None:
    before = place_of(database)
    tell_steps(database, lease, [1, 2])
    follow(database, storage)
    rewind(database, before)  # the run was made and told, the row does not know

    tell_steps(database, lease, [3])
    follow(database, storage)

    assert [one.step for one in points(mlflow)] == [1, 2, 3]


def test_steps_that_are_repeated_are_told_once(
    database: Database, storage: Storage, lease: Lease, mlflow: MlflowClient
) -> None:
    tell_steps(database, lease, [1, 2, 3])
    follow(database, storage)
    again = run_again(database, lease)
    tell_steps(database, again, [2, 3, 4])

    follow(database, storage)

    assert [one.step for one in points(mlflow)] == [1, 2, 3, 4]


def test_sample_answers_are_a_table(
    database: Database, storage: Storage, lease: Lease, mlflow: MlflowClient, tmp_path: Path
) -> None:
    evaluate(database, lease, 10)

    follow(database, storage)

    run = the_run(mlflow)
    [table] = json.loads(run.data.tags["mlflow.loggedArtifacts"])
    found = json.loads(Path(mlflow.download_artifacts(run.info.run_id, table["path"], str(tmp_path))).read_text())
    assert found["data"] == [[7, "Which digit is this?", "4", "9", '{"exact_match": 0.0}']]


def fail(session: Any, lease: Lease) -> None:
    leases.fail(session, lease, Failure(FailureCode.INVALID_SPEC, "no such part"))


@pytest.mark.parametrize(("end", "status"), [(leases.succeed, "FINISHED"), (fail, "FAILED"), (leases.cancel, "KILLED")])
def test_the_run_ends_as_the_job_has(
    database: Database, storage: Storage, lease: Lease, mlflow: MlflowClient, end: Any, status: str
) -> None:
    follow(database, storage)
    with database.writing() as session:
        end(session, lease)

    follow(database, storage)

    assert the_run(mlflow).info.status == status


def test_a_server_that_is_not_there_is_told_without_its_password(
    database: Database, storage: Storage, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    [event] = follow(database, storage)

    assert (event.job_id, event.type) == (lease.job_id, "tracking_failed")
    assert "MLflow does not take what the job tells" in event.message
    assert "secret" not in event.message
    assert "secret" in os.environ["MLFLOW_TRACKING_URI"]
