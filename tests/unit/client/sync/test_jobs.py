"""Jobs and files through the Python client, against a service that answers as told."""

import json
from pathlib import Path

import pytest

from client import Tuneyard
from client.errors import ApiError, UnreadableInput
from tests.unit.client.samples import JOB, RUNNING, SUCCEEDED
from tests.unit.client.stub_service import Answer, StubService, as_json, problem, told
from trainer_core.contract.spec import JobSpec

NO_CHANGE = Answer(status=304, headers={"ETag": '"1"'})
DATASET = {
    "id": "file-1",
    "filename": "train.jsonl",
    "num_bytes": 300_000,
    "sha256": "0" * 64,
    "num_rows": 3,
    "num_images": 3,
    "created_at": "2026-11-24T10:00:00Z",
}


def line(number: int) -> dict[str, object]:
    return {"id": number, "created_at": "2026-11-24T10:00:00Z", "attempt": 1, "line": f"line {number}"}


def page(*data: object, has_more: bool = False, last_id: object = None) -> Answer:
    return as_json({"data": data, "has_more": has_more, "last_id": last_id})


def test_spec_is_sent_whole(tuneyard: Tuneyard, stub: StubService) -> None:
    spec = JobSpec(base_model="starter", train_dataset="file-1")
    stub.answers = [as_json(JOB, 201)]

    job = tuneyard.jobs.create(spec)

    assert job.id == "ftjob-1"
    assert JobSpec.model_validate_json(stub.asked[0].body) == spec


def test_mapping_is_sent_as_it_is_so_that_the_service_judges_it(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [problem(422, "invalid_request", errors=[{"location": "num_epoch", "detail": "unknown key"}])]

    with pytest.raises(ApiError) as caught:
        tuneyard.jobs.create({"num_epoch": 3})

    assert json.loads(stub.asked[0].body) == {"num_epoch": 3}
    assert caught.value.places == ("num_epoch: unknown key",)


def test_a_submission_whose_answer_was_lost_is_sent_again_under_its_key(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [Answer(b"half an answer", cut_at=3), as_json(JOB, 201)]

    job = tuneyard.jobs.create({})

    first, second = (asked.headers["Idempotency-Key"] for asked in stub.asked)
    assert (job.id, second) == ("ftjob-1", first)


def test_each_submission_has_a_key_of_its_own(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [as_json(JOB, 201)]

    for _ in range(2):
        tuneyard.jobs.create({})

    assert len({asked.headers["Idempotency-Key"] for asked in stub.asked}) == 2


def test_a_key_may_be_chosen(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [as_json(JOB, 201)]

    tuneyard.jobs.create({}, idempotency_key="nightly 7")

    assert stub.asked[0].headers["Idempotency-Key"] == "nightly 7"


def test_a_key_that_no_header_takes_is_refused(tuneyard: Tuneyard, stub: StubService) -> None:
    with pytest.raises(UnreadableInput, match="ASCII"):
        tuneyard.jobs.create({}, idempotency_key="nächtlich")

    assert stub.asked == []


def test_file_is_sent_under_its_name_and_told_byte_by_byte(
    tuneyard: Tuneyard, stub: StubService, tmp_path: Path
) -> None:
    (tmp_path / "my rows.jsonl").write_bytes(b"x" * 300_000)
    stub.answers = [as_json(DATASET, 201)]
    told: list[int] = []

    dataset = tuneyard.datasets.upload(tmp_path / "my rows.jsonl", told.append)

    assert dataset.id == "file-1"
    assert stub.asked[0].path == "/datasets?filename=my+rows.jsonl"
    assert stub.asked[0].body == b"x" * 300_000
    assert sum(told) == 300_000


def test_file_that_is_not_there_is_told(tuneyard: Tuneyard, tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="there is no file"):
        tuneyard.datasets.upload(tmp_path / "missing.jsonl")


def test_every_page_is_read(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [page(line(1), line(2), has_more=True, last_id=2), page(line(3))]

    lines = [line.line for line in tuneyard.jobs.logs("ftjob-1")]

    assert lines == ["line 1", "line 2", "line 3"]
    assert stub.asked[1].path == "/jobs/ftjob-1/logs?limit=1000&after=2"


def test_filters_go_to_the_service(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [page(JOB)]

    jobs = list(tuneyard.jobs.list(status="queued"))

    assert [job.id for job in jobs] == ["ftjob-1"]
    assert stub.asked[0].path == "/jobs?limit=100&status=queued"


def test_job_is_watched_from_now_to_its_end(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [
        as_json(JOB, ETag='"0"'),
        as_json(RUNNING, ETag='"1"'),
        NO_CHANGE,
        as_json(SUCCEEDED, ETag='"2"'),
    ]

    statuses = [job.status for job in tuneyard.jobs.watch("ftjob-1")]

    assert statuses == ["queued", "running", "succeeded"]
    assert [asked.headers.get("If-None-Match") for asked in stub.asked] == [None, '"0"', '"1"', '"1"']


def test_watching_goes_on_when_the_service_was_away(tuneyard: Tuneyard, stub: StubService) -> None:
    cut = Answer(b"half an answer", cut_at=3)
    stub.answers = [as_json(JOB, ETag='"0"'), cut, problem(503, "database_unavailable"), as_json(SUCCEEDED)]

    job = tuneyard.jobs.wait("ftjob-1")

    assert job.has_succeeded


def test_log_is_followed_to_the_last_line(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [told(("log", "e1-s0-m0-l1", line(1)), ("log", "e1-s0-m0-l2", line(2)), ("end", "e", {}))]

    lines = [line.line for line in tuneyard.jobs.logs("ftjob-1", follow=True)]

    assert lines == ["line 1", "line 2"]
    assert stub.asked[0].path == "/jobs/ftjob-1/stream?types=log"


def test_the_newest_lines_are_read_alone(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [page(line(8), line(9), has_more=True, last_id=9)]

    lines = [line.line for line in tuneyard.jobs.logs("ftjob-1", last=2)]

    assert lines == ["line 8", "line 9"]
    assert [asked.path for asked in stub.asked] == ["/jobs/ftjob-1/logs?last=2"]


def test_a_log_is_followed_behind_its_newest_lines(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [
        page(line(8), line(9), has_more=True, last_id=9),
        told(("log", "e0-s0-m0-l10", line(10)), ("end", "e", {})),
    ]

    lines = [line.line for line in tuneyard.jobs.logs("ftjob-1", last=2, follow=True)]

    assert lines == ["line 8", "line 9", "line 10"]
    assert stub.asked[1].headers["Last-Event-ID"] == "e0-s0-m0-l9"


def test_words_of_a_newer_service_are_kept(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [as_json(JOB | {"status": "dreaming", "mood": "good"})]

    job = tuneyard.jobs.retrieve("ftjob-1")

    assert job.status == "dreaming"
    assert job.model_dump()["mood"] == "good"


def test_a_report_is_waited_for_by_requests_that_may_be_sent_again(tuneyard: Tuneyard, stub: StubService) -> None:
    made = {"is_valid": False, "problem": {"code": "invalid_spec", "message": "no such part"}}
    cut = Answer(b"half an answer", cut_at=3)
    stub.answers = [as_json({"id": "report-1", "report": None}, 202), cut, as_json({"id": "report-1", "report": made})]

    report = tuneyard.jobs.validate({"base_model": "starter"})

    assert report.problem is not None
    assert report.problem.message == "no such part"
    assert [asked.path for asked in stub.asked] == ["/jobs/validate?wait=0", *["/reports/report-1?wait=20"] * 2]


@pytest.mark.parametrize(("max_points", "asked"), [(None, "all"), (100, "100")])
def test_curves_are_whole_unless_fewer_points_will_do(
    tuneyard: Tuneyard, stub: StubService, max_points: int | None, asked: str
) -> None:
    stub.answers = [as_json({"data": [{"name": "loss", "num_points": 2, "steps": [1, 2], "values": [0.5, 0.25]}]})]

    [loss] = tuneyard.jobs.metrics("ftjob-1", max_points=max_points)

    assert loss.values == [0.5, 0.25]
    assert stub.asked[0].path == f"/jobs/ftjob-1/metrics?max_points={asked}"


def test_a_job_asks_the_service_that_it_came_from(tuneyard: Tuneyard, stub: StubService) -> None:
    stub.answers = [as_json(JOB, 201), as_json(RUNNING)]

    job = tuneyard.jobs.create({}).cancel().refresh()

    assert job.status == "running"
    assert [(asked.method, asked.path) for asked in stub.asked] == [
        ("POST", "/jobs"),
        ("POST", "/jobs/ftjob-1/cancel"),
        ("GET", "/jobs/ftjob-1"),
    ]
