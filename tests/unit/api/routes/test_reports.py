"""/jobs/{id}/…: what a job tells."""

import pytest
from fastapi.testclient import TestClient

from store import checkpoints, logs, metrics
from store.database import Database
from store.leases import Lease
from store.series import Point
from trainer_core.contract.events import CheckpointSaved


@pytest.mark.parametrize("report", ["events", "metrics", "logs", "checkpoints", "artifacts", "archive"])
def test_an_unknown_job_has_no_report(client: TestClient, report: str) -> None:
    assert client.get(f"/jobs/ftjob-none/{report}").json()["code"] == "job_not_found"


def test_events_are_told_oldest_first(client: TestClient, lease: Lease) -> None:
    events = client.get(f"/jobs/{lease.job_id}/events").json()["data"]

    assert [event["type"] for event in events] == ["job_submitted", "job_queued", "attempt_started"]


def test_events_go_on_behind_the_last_one(client: TestClient, lease: Lease) -> None:
    first = client.get(f"/jobs/{lease.job_id}/events", params={"limit": 1}).json()

    rest = client.get(f"/jobs/{lease.job_id}/events", params={"after": first["last_id"]}).json()

    assert first["has_more"]
    assert [event["type"] for event in rest["data"]] == ["job_queued", "attempt_started"]


def test_metrics_can_be_cut_to_a_range(client: TestClient, lease: Lease, database: Database) -> None:
    with database.writing() as session:
        metrics.record(session, lease, [Point("loss", step, 1 / step) for step in (1, 2, 4)])

    found = client.get(f"/jobs/{lease.job_id}/metrics", params={"from_step": 2}).json()

    loss = {"name": "loss", "num_points": 2, "steps": [2, 4], "values": [0.5, 0.25], "times": None}
    assert found == {"data": [loss]}


@pytest.mark.parametrize(("asked", "num_points"), [({}, 1000), ({"max_points": 20}, 20), ({"max_points": "all"}, 1001)])
def test_a_long_curve_is_thinned_unless_all_is_asked_for(
    client: TestClient, lease: Lease, database: Database, asked: dict[str, str], num_points: int
) -> None:
    with database.writing() as session:
        metrics.record(session, lease, [Point("loss", step, step % 100) for step in range(1001)])

    [loss] = client.get(f"/jobs/{lease.job_id}/metrics", params=asked).json()["data"]

    assert len(loss["steps"]) <= num_points
    assert loss["num_points"] == 1001


@pytest.mark.parametrize("max_points", ["9", "100001", "none"])
def test_a_number_of_points_out_of_bounds_is_refused(client: TestClient, job_id: str, max_points: str) -> None:
    found = client.get(f"/jobs/{job_id}/metrics", params={"max_points": max_points}).json()

    assert found["code"] == "invalid_request"


def test_log_lines_come_in_their_order(client: TestClient, lease: Lease, database: Database) -> None:
    with database.writing() as session:
        logs.record(session, lease, ["first", "second"])

    found = client.get(f"/jobs/{lease.job_id}/logs").json()

    assert [line["line"] for line in found["data"]] == ["first", "second"]


def test_the_newest_log_lines_can_be_read_and_those_before_them(
    client: TestClient, lease: Lease, database: Database
) -> None:
    with database.writing() as session:
        logs.record(session, lease, ["one", "two", "three"])
    place = f"/jobs/{lease.job_id}/logs"

    newest = client.get(place, params={"last": 2}).json()
    before = client.get(place, params={"last": 2, "before": newest["data"][0]["id"]}).json()

    assert ([line["line"] for line in newest["data"]], newest["has_more"]) == (["two", "three"], True)
    assert ([line["line"] for line in before["data"]], before["has_more"]) == (["one"], False)
    assert client.get(place, params={"after": newest["last_id"]}).json()["data"] == []


def test_checkpoints_are_told_newest_first(client: TestClient, lease: Lease, database: Database) -> None:
    with database.writing() as session:
        for step in (10, 20):
            checkpoints.record(session, lease, saved(step))

    found = client.get(f"/jobs/{lease.job_id}/checkpoints").json()["data"]

    assert [checkpoint["step"] for checkpoint in found] == [20, 10]


@pytest.mark.parametrize("query", [{"after": 2**64}, {"after": -1}, {"limit": 0}])
def test_a_cursor_out_of_bounds_is_refused(client: TestClient, job_id: str, query: dict[str, int]) -> None:
    assert client.get(f"/jobs/{job_id}/events", params=query).json()["code"] == "invalid_request"


def test_an_id_with_a_nul_is_no_error_of_the_service(client: TestClient) -> None:
    assert 400 <= client.get("/jobs/a%00b/events").status_code < 500


def saved(step: int) -> CheckpointSaved:
    return CheckpointSaved(
        step=step, epoch=1.0, path=f"checkpoints/step-{step}", num_bytes=1, manifest_sha256="0" * 64, metrics={}
    )
