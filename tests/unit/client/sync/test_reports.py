"""What a job tells beside its state, through the Python client, against a service that answers as told."""

from pathlib import Path

import pytest

from client import Tuneyard
from client.errors import ApiError
from tests.unit.client.samples import JOB
from tests.unit.client.stub_service import Answer, StubService, as_json, problem

AT = "2026-11-24T10:00:00Z"


def evaluation(event_id: int) -> dict[str, object]:
    told = {"line": 3, "question": "Which digit?", "target": "7", "output": "1", "scores": {}, "images": []}
    return {
        "event_id": event_id,
        "attempt": 1,
        "step": 10 * event_id,
        "created_at": AT,
        "loss": None,
        "scores": {},
        "predictions": [told],
    }


def test_jobs_are_listed_by_several_statuses(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [
        as_json({"data": [JOB], "has_more": True, "last_id": "ftjob-1"}),
        as_json({"data": [], "has_more": False}),
    ]

    list(tuneyard.jobs.list(status=("queued", "running"), search="7"))

    assert [asked.path for asked in stub.asked] == [
        "/jobs?limit=100&status=queued&status=running&search=7",
        "/jobs?limit=100&status=queued&status=running&search=7&after=ftjob-1",
    ]


def test_jobs_are_compared_in_one_request(tuneyard: Tuneyard, stub: StubService) -> None:
    loss = {"name": "loss", "num_points": 1, "steps": [1], "values": [0.5], "times": [1.0]}
    stub.answers = [as_json({"data": [loss | {"job_id": "ftjob-1"}, loss | {"job_id": "ftjob-2"}]})]

    found = tuneyard.jobs.compare(["ftjob-1", "ftjob-2"], ["loss"], times=True)

    assert [(one.job_id, one.values, one.times) for one in found] == [
        ("ftjob-1", [0.5], [1.0]),
        ("ftjob-2", [0.5], [1.0]),
    ]
    assert stub.asked[0].path == "/jobs/metrics?job=ftjob-1&job=ftjob-2&name=loss&max_points=1000&times=true"


def test_numbers_of_some_steps_are_asked_for(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [as_json({"data": []})]

    tuneyard.jobs.metrics("ftjob-1", "loss", from_step=10, to_step=20)

    assert stub.asked[0].path == "/jobs/ftjob-1/metrics?name=loss&from_step=10&to_step=20&max_points=all"


def test_every_evaluation_is_read_page_by_page(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [
        as_json({"data": [evaluation(1)], "has_more": True, "last_id": 1}),
        as_json({"data": [evaluation(2)], "has_more": False, "last_id": 2}),
    ]

    found = [(one.step, one.predictions[0].output) for one in tuneyard.jobs.samples("ftjob-1")]

    assert found == [(10, "1"), (20, "1")]
    assert stub.asked[1].path == "/jobs/ftjob-1/samples?limit=100&after=1"


def test_a_checkpoint_comes_as_one_file(tuneyard: Tuneyard, stub: StubService, tmp_path: Path) -> None:
    stub.answers = [as_json(JOB), Answer(b"tar")]

    tuneyard.jobs.retrieve("ftjob-1").archive_checkpoint(40, tmp_path / "made/40.tar")

    assert (tmp_path / "made/40.tar").read_bytes() == b"tar"
    assert stub.asked[1].path == "/jobs/ftjob-1/checkpoints/40/archive"


def test_of_a_checkpoint_that_is_not_there_nothing_is_written(
    tuneyard: Tuneyard, stub: StubService, tmp_path: Path
) -> None:
    stub.answers = [problem(404, "checkpoint_not_found")]

    with pytest.raises(ApiError, match="checkpoint_not_found"):
        tuneyard.jobs.archive_checkpoint("ftjob-1", 7, tmp_path / "7.tar")

    assert list(tmp_path.iterdir()) == []


def test_rows_are_read_from_any_place(tuneyard: Tuneyard, stub: StubService) -> None:
    row = {"place": 70, "row": {"messages": []}}
    stub.answers = [as_json({"data": [row], "has_more": True, "next_place": 90, "num_bytes": 900})]

    found = tuneyard.datasets.preview("file-1", place=65, limit=1)

    assert (found.data[0].place, found.next_place) == (70, 90)
    assert stub.asked[0].path == "/datasets/file-1/preview?place=65&limit=1"


def test_images_come_as_they_are(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [Answer(b"PNG")]

    assert tuneyard.datasets.image("file-1", 70, 0) == tuneyard.jobs.sample_image("ftjob-1", 3, 1) == b"PNG"
    assert [asked.path for asked in stub.asked] == [
        "/datasets/file-1/rows/70/images/0",
        "/jobs/ftjob-1/samples/3/images/1",
    ]
