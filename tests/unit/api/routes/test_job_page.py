"""What a job's page draws beside its curves: times, attempts, answers with their pictures, checkpoints in one piece."""

import io
import tarfile
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise

import pytest
from fastapi.testclient import TestClient

from store import checkpoints, events, leases, metrics
from store.database import Database
from store.files import Storage
from store.leases import Lease
from store.series import Point
from tests.unit.kinds import EVERY_KIND
from tests.unit.queued import claim_submitted
from trainer_core.contract.events import (
    CheckpointSaved,
    EvaluationCompleted,
    Phase,
    PhaseEntered,
    Prediction,
    RunStarted,
)
from trainer_core.contract.manifest import Manifest
from trainer_core.contract.spec import JobSpec
from worker.recorder import Recorder

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def recorder(database: Database, lease: Lease) -> Recorder:
    return Recorder(database, lease, 90)


def evaluation(step: int, *predictions: Prediction) -> EvaluationCompleted:
    return EvaluationCompleted(
        step=step, epoch=1.0, loss=0.5, num_rows=1, seconds=1.0, scores={"exact_match": 1.0}, predictions=predictions
    )


def prediction(output: str, *thumbnails: str) -> Prediction:
    return Prediction(line=3, question="Which?", target="7", output=output, scores={}, thumbnails=thumbnails)


def started(first_step: int) -> RunStarted:
    return RunStarted(
        first_step=first_step,
        total_steps=10,
        num_train_rows=1,
        num_eval_rows=1,
        num_parameters=1,
        num_trainable_parameters=1,
        device="cpu",
        precision="fp32",
    )


@pytest.fixture
def answered(recorder: Recorder, png_url: Callable[..., str]) -> None:
    """Two evaluations that asked about a picture, and one that asked nothing."""
    recorder.take(evaluation(1, prediction("8", png_url())))
    recorder.take(evaluation(2))
    recorder.take(evaluation(3, prediction("7", png_url())))
    recorder.flush()


def test_answers_are_told_evaluation_by_evaluation(client: TestClient, lease: Lease, answered: None) -> None:
    found = client.get(f"/jobs/{lease.job_id}/samples").json()

    assert answered is None
    assert [(one["step"], [told["output"] for told in one["predictions"]]) for one in found["data"]] == [
        (1, ["8"]),
        (3, ["7"]),
    ]
    assert (found["data"][0]["loss"], found["data"][0]["scores"]) == (0.5, {"exact_match": 1.0})
    assert not found["has_more"]


@on_sqlite
def test_events_of_many_evaluations_stay_small(client: TestClient, lease: Lease, answered: None) -> None:
    found = client.get(f"/jobs/{lease.job_id}/events").json()["data"]

    evaluated = [one["data"] for one in found if one["type"] == "evaluation_completed"]
    assert answered is None
    assert [(told["step"], told["loss"]) for told in evaluated] == [(1, 0.5), (2, 0.5), (3, 0.5)]
    assert not any("predictions" in told for told in evaluated)


@on_sqlite
def test_answers_go_on_behind_the_last_one(client: TestClient, lease: Lease, answered: None) -> None:
    first = client.get(f"/jobs/{lease.job_id}/samples", params={"limit": 1}).json()

    rest = client.get(f"/jobs/{lease.job_id}/samples", params={"after": first["last_id"]}).json()

    assert answered is None
    assert first["has_more"]
    assert [one["step"] for one in rest["data"]] == [3]


@on_sqlite
def test_a_picture_is_one_address_at_every_evaluation(client: TestClient, lease: Lease, answered: None) -> None:
    found = client.get(f"/jobs/{lease.job_id}/samples").json()["data"]

    [place] = {image for one in found for told in one["predictions"] for image in told["images"]}
    picture = client.get(place)
    assert answered is None
    assert picture.headers["Content-Type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")


@on_sqlite
def test_a_picture_can_do_nothing_but_be_looked_at(client: TestClient, lease: Lease, answered: None) -> None:
    headers = client.get(f"/jobs/{lease.job_id}/samples/3/images/0").headers

    assert answered is None
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"].startswith("private")


@on_sqlite
def test_what_is_no_picture_is_not_told_as_one(client: TestClient, lease: Lease, recorder: Recorder) -> None:
    page = "data:image/png;base64,PHNjcmlwdD4="
    recorder.take(evaluation(1, prediction("7", page, "nonsense")))
    recorder.flush()
    place = f"/jobs/{lease.job_id}/samples/3/images"

    assert [client.get(f"{place}/{number}").status_code for number in range(3)] == [404] * 3


def test_the_timeline_tells_where_a_job_was_without_gaps(
    client: TestClient, database: Database, lease: Lease, recorder: Recorder
) -> None:
    for phase in (Phase.LOADING, Phase.TRAINING, Phase.EVALUATING, Phase.TRAINING):
        recorder.take(PhaseEntered(phase=phase))
    recorder.take(started(0))
    recorder.flush()
    with database.writing() as session:
        leases.give_back(session, lease, "stopping")
        second = leases.claim(session, worker="v", seconds=90)
        assert second is not None
    again = Recorder(database, second, 90)
    again.take(PhaseEntered(phase=Phase.LOADING))
    again.take(started(4))
    again.flush()

    found = client.get(f"/jobs/{lease.job_id}/timeline").json()

    assert [(stay["attempt"], stay["where"]) for stay in found["data"]] == [
        (0, "validating"),
        (0, "queued"),
        (1, "starting"),
        (1, "loading"),
        (1, "training"),
        (1, "evaluating"),
        (1, "training"),
        (1, "queued"),
        (2, "starting"),
        (2, "loading"),
    ]
    ends = [stay["ended_at"] for stay in found["data"]]
    assert ends == [*(stay["began_at"] for stay in found["data"][1:]), None]
    assert [(one["number"], one["worker"], one["first_step"]) for one in found["attempts"]] == [
        (1, "w", 0),
        (2, "v", 4),
    ]


def test_the_timeline_of_an_ended_job_has_an_end(client: TestClient, database: Database, lease: Lease) -> None:
    with database.writing() as session:
        leases.cancel(session, lease)

    found = client.get(f"/jobs/{lease.job_id}/timeline").json()

    assert (found["data"][-1]["where"], found["data"][-1]["ended_at"] is None) == ("starting", False)


@on_sqlite
def test_a_timeline_of_many_phases_stays_short(client: TestClient, database: Database, lease: Lease) -> None:
    with database.writing() as session:
        for number in range(3000):
            phase = Phase.EVALUATING if number % 2 else Phase.TRAINING
            events.record(session, lease.job_id, 1, "phase_entered", "", {"phase": phase})

    found = client.get(f"/jobs/{lease.job_id}/timeline").json()["data"]

    assert len(found) <= 1001
    assert all(before["ended_at"] == after["began_at"] for before, after in pairwise(found))


def test_points_tell_when_they_were_written(client: TestClient, database: Database, lease: Lease) -> None:
    with database.writing() as session:
        metrics.record(session, lease, [Point("loss", step, 1.0) for step in range(1, 5)])
    with database.writing() as session:
        metrics.record(session, lease, [Point("loss", 5, 1.0)])

    [loss] = client.get(f"/jobs/{lease.job_id}/metrics", params={"times": True}).json()["data"]

    assert len(loss["times"]) == 5
    assert loss["times"] == sorted(set(loss["times"]))
    started_at = datetime.fromisoformat(client.get(f"/jobs/{lease.job_id}").json()["started_at"]).timestamp()
    assert abs(loss["times"][3] - started_at) < 3600


@on_sqlite
def test_a_thinned_curve_has_a_time_for_each_point(client: TestClient, database: Database, lease: Lease) -> None:
    with database.writing() as session:
        metrics.record(session, lease, [Point("loss", step, step % 7) for step in range(5000)])

    [loss] = client.get(f"/jobs/{lease.job_id}/metrics", params={"times": True, "max_points": 50}).json()["data"]

    assert len(loss["times"]) == len(loss["steps"]) < 60


@on_sqlite
def test_curves_of_several_jobs_come_together(
    client: TestClient, database: Database, lease: Lease, spec: JobSpec
) -> None:
    other = claim_submitted(database, spec)
    with database.writing() as session:
        metrics.record(session, lease, [Point("loss", 1, 1.0), Point("eval_loss", 1, 3.0)])
        metrics.record(session, other, [Point("loss", 1, 2.0), Point("grad_norm", 1, 3.0)])
    asked = {"job": [other.job_id, lease.job_id], "name": ["loss", "eval_loss", "loss"]}

    found = client.get("/jobs/metrics", params=asked).json()["data"]

    assert [(one["job_id"], one["name"], one["values"]) for one in found] == [
        (other.job_id, "loss", [2.0]),
        (lease.job_id, "eval_loss", [3.0]),
        (lease.job_id, "loss", [1.0]),
    ]
    assert client.get("/jobs/metrics", params={"job": [lease.job_id, "ftjob-no"]}).status_code == 404


@EVERY_KIND
def test_a_checkpoint_comes_in_one_piece(
    client: TestClient, database: Database, storage: Storage, lease: Lease
) -> None:
    folder = storage.run_dir(lease.job_id, lease.attempt) / "checkpoints" / "step-4"
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"abc")
    manifest = Manifest.of(folder)
    manifest.save(folder)
    storage.publish(folder, folder)
    saved = CheckpointSaved(
        step=4, epoch=1.0, path="checkpoints/step-4", num_bytes=3, manifest_sha256=manifest.sha256, metrics={}
    )
    with database.writing() as session:
        checkpoints.record(session, lease, saved)

    answer = client.get(f"/jobs/{lease.job_id}/checkpoints/4/archive")

    name = f"{lease.job_id}-step-4"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.tar"'
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        assert tar.getnames() == [f"{name}/weights", f"{name}/manifest.json"]


@on_sqlite
def test_a_checkpoint_that_is_not_kept_is_told(client: TestClient, job_id: str) -> None:
    answer = client.get(f"/jobs/{job_id}/checkpoints/4/archive")

    assert (answer.status_code, answer.json()["code"]) == (404, "checkpoint_not_found")
