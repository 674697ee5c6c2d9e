"""The process that tells trackers: a thread for each, so that none waits for another."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.database import Database
from store.files import Storage
from store.tracking_tables import TrackingStatus
from tests.patience import until
from tests.unit.tracked import rows, run_tracked, tell_steps, told
from trainer_core.contract.integrations import MLflow, TensorBoard
from trainer_core.contract.spec import JobSpec
from worker.settings import TrackingSettings
from worker.trackers import opening
from worker.tracking import Trackings

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
BOTH = (MLflow(), TensorBoard())


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A server of MLflow that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        yield server


@pytest.fixture
def tracking(database: Database, storage: Storage, tmp_path: Path) -> Trackings:
    settings = TrackingSettings(
        database_url="sqlite://",
        broker_url="redis://127.0.0.1:1/0",
        storage_root=str(storage.root),
        integrations=("tensorboard", "mlflow"),
        tell_seconds=0.1,
    )
    return Trackings(settings, database, storage, tmp_path)


@ON_SQLITE
def test_a_tracker_that_hangs_holds_up_no_other(
    database: Database, spec: JobSpec, tracking: Trackings, silent: socket.socket
) -> None:
    lease = run_tracked(database, spec, *BOTH)
    tell_steps(database, lease, [1])

    tracking.look()

    until(lambda: [row for row in rows(database) if row.kind == "tensorboard" and row.metric_id])
    silent.close()
    tracking.stop()
    tracking.run()  # waits for both
    assert {event.data["target"] for event in told(database)} == {"tensorboard", "mlflow"}


@ON_SQLITE
def test_a_job_is_followed_while_it_runs(database: Database, spec: JobSpec, tracking: Trackings) -> None:
    lease = run_tracked(database, spec, TensorBoard())
    tell_steps(database, lease, [1])
    tracking.look()
    until(lambda: rows(database)[0].metric_id == 1)

    tell_steps(database, lease, [2])

    until(lambda: rows(database)[0].metric_id == 2)
    assert rows(database)[0].num_claims == 1  # by the same thread
    tracking.stop()
    tracking.run()
    assert rows(database)[0].status == TrackingStatus.FOLLOWING


def test_a_tracker_that_is_not_installed_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda _: None)

    with pytest.raises(opening.NotReady, match=r"pip install 'tuneyard\[wandb\]'"):
        opening.check(("wandb",))


def test_a_server_that_is_not_named_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    with pytest.raises(opening.NotReady, match="set MLFLOW_TRACKING_URI"):
        opening.check(("mlflow",))
