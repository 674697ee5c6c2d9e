"""The command line against a service that answers as told."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from client.cli import app
from tests.unit.client.samples import CANCELLED, FAILED, JOB, PROJECT, RUNNING, SUCCEEDED, USAGE
from tests.unit.client.stub_service import Answer, StubService, as_json, problem

EVENT = {
    "id": 1,
    "created_at": "2026-11-24T10:00:00Z",
    "attempt": 0,
    "type": "job_submitted",
    "message": "Job submitted",
}


def tuneyard(stub: StubService, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["--url", stub.url, *arguments], input=stdin)


def page(*data: object) -> dict[str, object]:
    return {"data": data, "has_more": False, "last_id": None}


def test_submit_tells_the_job_and_what_to_do_next(stub: StubService) -> None:
    stub.answers = [as_json(JOB, 201)]

    result = tuneyard(stub, "submit", "-", stdin='{"base_model": "starter", "train_dataset": "file-1"}')

    assert result.exit_code == 0
    assert result.stdout == "ftjob-1 is queued; follow it: tuneyard watch ftjob-1\n"


def test_submit_hands_on_the_name_of_the_submission(stub: StubService) -> None:
    stub.answers = [as_json(JOB, 201)]

    tuneyard(stub, "submit", "-", "--idempotency-key", "nightly 7", stdin="{}")

    assert stub.asked[0].headers["Idempotency-Key"] == "nightly 7"


def test_submit_prints_the_job_for_programs(stub: StubService) -> None:
    stub.answers = [as_json(JOB, 201)]

    result = tuneyard(stub, "submit", "-", "--json", stdin="{}")

    assert json.loads(result.stdout)["id"] == "ftjob-1"


def test_refusal_is_one_block_of_what_where_and_what_to_do(stub: StubService) -> None:
    errors = [{"location": "seed", "detail": "must be an integer"}, {"location": "epoch", "detail": "unknown key"}]
    stub.answers = [problem(422, "invalid_request", errors=errors)]

    result = tuneyard(stub, "submit", "-", stdin="{}")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "error: the service refused this (invalid_request):",
        "  seed: must be an integer",
        "  epoch: unknown key",
        "Correct these fields; /docs of the service describes each",
    ]


def test_words_of_a_service_are_no_markup(stub: StubService) -> None:
    stub.answers = [problem(404, "job_not_found", "no job has the id '[/red]'")]

    result = tuneyard(stub, "show", "[/red]")

    assert "no job has the id '[/red]' (job_not_found)" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["submit", "missing.json"], ["upload", "missing.jsonl"], ["nonsense"], ["up", "--model", "name"]]
)
def test_wrong_usage_exits_with_2(stub: StubService, arguments: list[str]) -> None:
    result = tuneyard(stub, *arguments)

    assert result.exit_code == 2
    assert result.stderr


@pytest.mark.parametrize(("ended", "exit_code"), [(SUCCEEDED, 0), (FAILED, 1), (CANCELLED, 1)])
def test_watch_exits_as_the_job_ends(stub: StubService, ended: dict[str, object], exit_code: int) -> None:
    stub.answers = [as_json(RUNNING, ETag='"1"'), as_json(ended)]

    result = tuneyard(stub, "watch", "ftjob-1")

    assert result.exit_code == exit_code


def test_watch_prints_a_line_of_json_for_each_change(stub: StubService) -> None:
    # By what the request knows: one that came to nothing because the machine stood still is sent again.
    stub.answers = [
        lambda asked: as_json(SUCCEEDED) if "If-None-Match" in asked.headers else as_json(RUNNING, ETag='"1"')
    ]

    result = tuneyard(stub, "watch", "ftjob-1", "--json")

    assert (result.exit_code, result.stderr) == (0, "")
    assert [json.loads(line)["status"] for line in result.stdout.splitlines()] == ["running", "succeeded"]


def test_leaving_the_watch_leaves_the_job(stub: StubService, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("client.job_commands.show_to_end", leave)

    result = tuneyard(stub, "watch", "ftjob-1")

    assert result.exit_code == 130
    assert "ftjob-1 goes on" in result.stderr
    assert stub.asked == []


def test_list_cuts_no_id(stub: StubService) -> None:
    job_id = "ftjob-01kav7q2nm3c5d8e9f0g1h2j3k"
    stub.answers = [as_json(page(RUNNING | {"id": job_id}, JOB))]

    result = tuneyard(stub, "list")

    header, first, second = result.stdout.splitlines()
    assert header.split() == ["job", "status", "base", "model", "step", "loss", "age"]
    assert first.startswith(job_id)
    assert "12/40" in first
    assert "queued (place 2)" in second


def test_list_is_json_for_programs(stub: StubService) -> None:
    stub.answers = [as_json(page(RUNNING, JOB))]

    result = tuneyard(stub, "list", "--json")

    assert [job["status"] for job in json.loads(result.stdout)] == ["running", "queued"]


def test_show_tells_why_a_job_failed_and_what_happened(stub: StubService) -> None:
    stub.answers = [as_json(FAILED), as_json(page(EVENT))]

    result = tuneyard(stub, "show", "ftjob-1")

    assert "line 3: 900 tokens, limit 512 (invalid_dataset)" in result.stdout
    assert "Job submitted" in result.stdout


@pytest.mark.parametrize(("told", "words"), [(CANCELLED, "is cancelled"), (RUNNING, "is being cancelled")])
def test_cancel_tells_whether_it_is_over(stub: StubService, told: dict[str, object], words: str) -> None:
    stub.answers = [as_json(told)]

    result = tuneyard(stub, "cancel", "ftjob-1")

    assert words in result.stdout


def test_logs_are_printed_as_they_are(stub: StubService) -> None:
    stub.answers = [as_json(page({**EVENT, "line": "loss [nan] :smile:"}))]

    result = tuneyard(stub, "logs", "ftjob-1")

    assert result.stdout == "loss [nan] :smile:\n"


def test_nobody_there_is_told_without_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEYARD_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("TUNEYARD_URL", raising=False)

    result = CliRunner().invoke(app, ["list"])

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"error: no service runs on {tmp_path}",
        "Start one with `tuneyard up`, or name another with --url or TUNEYARD_URL",
    ]


WORKER = {
    "name": "host-1",
    "num_slots": 2,
    "memory_bytes": 64_000_000_000,
    "gpus": [{"uuid": "GPU-1", "name": "H200", "num_bytes": 141_000_000_000}],
    "started_at": "2026-11-24T10:00:00Z",
    "last_seen_at": "2026-11-24T10:00:00Z",
}
KEY = {
    "id": "k1",
    "project_id": "proj_1",
    "name": "ci",
    "scope": "submit",
    "created_at": "2026-11-24T10:00:00Z",
    "key": "ty_k1_secret",
}
CHECKPOINT = {
    "step": 40,
    "epoch": 2.0,
    "attempt": 1,
    "num_bytes": 1_000_000,
    "manifest_sha256": "",
    "metrics": {"eval_loss": 0.5},
    "created_at": "2026-11-24T10:00:00Z",
}
LOSS = {"name": "loss", "num_points": 3, "steps": [1, 2, 3], "values": [3.0, 1.0, 2.0]}
IMAGES = {
    "id": "file-2",
    "filename": "images.zip",
    "num_bytes": 300,
    "sha256": "0" * 64,
    "num_images": 3,
    "created_at": "2026-11-24T10:00:00Z",
}
DATASET = IMAGES | {"id": "file-1", "filename": "train.jsonl", "num_rows": 3}
AT = "2026-11-24T10:00:{:02}Z"
TIMELINE = {
    "data": [
        {"attempt": 0, "where": "queued", "began_at": AT.format(0), "ended_at": AT.format(8)},
        {"attempt": 1, "where": "training", "began_at": AT.format(8), "ended_at": None},
    ],
    "attempts": [{"number": 1, "worker": "host-1", "slots": ["0"], "started_at": AT.format(8)}],
}
INTEGRATION = {
    "target": {"type": "wandb", "project": "digits"},
    "status": "following",
    "url": None,
    "error": "no such entity",
}
STANDING = {"name": "host-1", "is_drained": True, "num_running_jobs": 1}
GARBAGE = {"data": [{"kind": "orphan", "name": "jobs/x", "num_bytes": 10}], "num_bytes": 10, "has_more": False}
REPORT = {
    "is_valid": True,
    "estimate": {
        "num_parameters": 100,
        "num_trainable_parameters": 10,
        "steps_per_epoch": 5,
        "total_steps": 15,
        "memory": {"total_bytes": 1_000_000},
        "disk_bytes": 2_000_000,
    },
    "preview": [{"line": 1, "num_tokens": 3, "pieces": [{"text": "seven", "is_trained": True}]}],
}
STATUSES = ("validating", "queued", "running", "paused", "succeeded", "failed", "cancelled")
ASKED_FOR = {"id": "report-1", "report": REPORT}


@pytest.mark.parametrize(
    ("arguments", "answer", "words"),
    [
        (["models"], {"data": [{"name": "starter"}], "hub_models": True}, ["starter", "hub"]),
        (["workers"], {"data": [WORKER]}, ["host-1", "64 GB", "H200", "yes"]),
        (["workers"], {"data": [WORKER | {"draining_since": "2026-01-01T00:00:00Z"}]}, ["no, for"]),
        (["workers"], {"data": []}, ["jobs wait until one starts"]),
        (["usage"], USAGE, ["vision", "3.25", "500"]),
        (["health"], {"database": True, "storage": True, "num_workers": 1}, ["ready", "1 worker"]),
        (["admin", "projects", "list"], {"data": [PROJECT]}, ["proj_1", "vision", "500", "none"]),
        (["admin", "projects", "show", "proj_1"], PROJECT, ["proj_1"]),
        (["admin", "projects", "create", "vision"], PROJECT, ["proj_1"]),
        (["admin", "projects", "set", "proj_1", "max_gpu_hours=500"], PROJECT, ["500"]),
        (["admin", "keys", "list"], {"data": [KEY]}, ["ci", "submit", "always", "never"]),
        (["admin", "keys", "create", "ci"], KEY, ["ty_k1_secret"]),
        (["admin", "keys", "revoke", "k1"], KEY, ["k1 (ci) opens nothing any more"]),
        (["admin", "usage"], {"data": [PROJECT]} | USAGE, ["vision", "3.2", "1 MB"]),
        (["admin", "workers"], {"data": [], "workers": [STANDING]}, ["host-1", "no, drained", "1"]),
        (["admin", "gc"], GARBAGE, ["orphan", "jobs/x", "1 things, 10 B were deleted"]),
        (["datasets", "list"], page(DATASET), ["file-1", "train.jsonl", "300 B"]),
        (["images", "list"], page(), ["There are none"]),
        (["list"], page(), ["There are none"]),
        (["images", "list"], page(IMAGES), ["file-2", "images.zip", "3"]),
        (["timeline", "ftjob-1"], TIMELINE, ["queued", "8 s", "training", "still there", "host-1"]),
        (["samples", "ftjob-1"], page(), ["has answered nothing yet"]),
        (["integrations", "list", "ftjob-1"], {"data": [INTEGRATION]}, ["wandb", "following", "no such entity"]),
        (["integrations", "list", "ftjob-1"], {"data": []}, ["told to nobody else"]),
        (["integrations", "retry", "ftjob-1", "wandb"], INTEGRATION, ["wandb is told of ftjob-1 again"]),
        (["datasets", "show", "file-1"], DATASET, ["train.jsonl", "300 B"]),
        (["images", "show", "file-2"], IMAGES, ["images.zip"]),
        (["checkpoints", "ftjob-1"], {"data": [CHECKPOINT]}, ["40", "eval_loss 0.5"]),
        (["checkpoints", "ftjob-1"], {"data": []}, ["has saved none yet"]),
        (["metrics", "ftjob-1"], {"data": [LOSS]}, ["loss", "2 (step 3)", "1", "3"]),
        (["metrics", "ftjob-1", "--from-step", "2"], {"data": []}, ["no such numbers"]),
        (["compare", "a", "b"], {"data": [LOSS | {"job_id": job} for job in "ab"]}, ["a", "b", "2 (step 3)"]),
        (["compare", "a"], {"data": []}, ["no such numbers"]),
        (["counts"], dict.fromkeys(STATUSES, 3), ["queued", "3"]),
        (["logs", "ftjob-1", "--last", "1"], page({**EVENT, "line": "Out of memory"}), ["Out of memory"]),
        (["events", "ftjob-1"], page(EVENT), ["Job submitted"]),
        (["report", "ftjob-1"], REPORT, ["This job can run.", "seven"]),
        (["estimate", "-"], ASKED_FOR, ["15, 5 an epoch", "2 MB"]),
        (["preview", "-"], ASKED_FOR, ["seven"]),
        (["pause", "ftjob-1"], RUNNING, ["being paused"]),
        (["resume", "ftjob-1"], JOB, ["queued"]),
        (["retry", "ftjob-1"], JOB, ["queued"]),
        (["stop-and-save", "ftjob-1"], RUNNING, ["stops and saves"]),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else None,
)
def test_people_are_told_in_words_and_programs_in_json(
    stub: StubService, arguments: list[str], answer: dict[str, object], words: list[str]
) -> None:
    stub.answers = [as_json(answer)]

    for_people, for_programs = (tuneyard(stub, *arguments, *json_, stdin="{}") for json_ in ([], ["--json"]))

    assert for_people.exit_code == for_programs.exit_code == 0, for_people.output
    assert [word for word in words if word not in for_people.stdout] == []
    assert json.loads(for_programs.stdout) is not None


def test_an_event_file_is_named_as_tensorboard_finds_it(
    stub: StubService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.answers = [Answer(b"events"), as_json(SUCCEEDED)]
    monkeypatch.chdir(tmp_path)

    result = tuneyard(stub, "integrations", "tensorboard", "ftjob-1")

    assert result.stdout == "events.out.tfevents.ftjob-1\n"
    assert (tmp_path / "events.out.tfevents.ftjob-1").read_bytes() == b"events"


def test_what_was_not_asked_for_of_a_report_is_left_out(stub: StubService) -> None:
    stub.answers = [as_json(ASKED_FOR)]

    estimated, previewed = (tuneyard(stub, command, "-", stdin="{}").stdout for command in ("estimate", "preview"))

    assert "seven" not in estimated
    assert "an epoch" not in previewed


def test_a_job_that_would_fail_is_not_submitted_when_it_is_checked(stub: StubService) -> None:
    problem_ = {"code": "invalid_spec", "message": "no such part"}
    stub.answers = [as_json({"id": "report-1", "report": {"is_valid": False, "problem": problem_}})]

    result = tuneyard(stub, "submit", "-", "--check", stdin="{}")

    assert result.exit_code == 1
    assert "This job would fail: no such part" in result.stderr
    assert [asked.path for asked in stub.asked] == ["/jobs/validate?wait=0"]


def test_a_service_that_is_not_ready_is_a_failure(stub: StubService) -> None:
    stub.answers = [as_json({"database": False, "storage": True, "num_workers": 0}, 503)]

    result = tuneyard(stub, "health")

    assert result.exit_code == 1
    assert "not ready" in result.stdout


def test_limits_go_out_as_numbers_or_as_none(stub: StubService) -> None:
    stub.answers = [as_json(PROJECT)]

    tuneyard(stub, "admin", "projects", "set", "proj_1", "max_gpu_hours=1.5", "max_running_jobs=none")

    assert json.loads(stub.asked[0].body) == {"max_gpu_hours": 1.5, "max_running_jobs": None}


def test_lists_are_of_jobs_with_metadata(stub: StubService) -> None:
    stub.answers = [as_json(page())]

    tuneyard(stub, "list", "--metadata", "team=vision")

    assert stub.asked[0].path == "/jobs?limit=100&metadata%5Bteam%5D=vision"


def test_lists_are_of_jobs_of_several_statuses_that_are_called_so(stub: StubService) -> None:
    stub.answers = [as_json(page())]

    tuneyard(stub, "list", "--status", "queued", "--status", "running", "--search", "invoices")

    assert stub.asked[0].path == "/jobs?limit=100&status=queued&status=running&search=invoices"


def test_help_has_every_command_below_a_title(stub: StubService) -> None:
    shown = tuneyard(stub, "--help").stdout

    titles = ["Commands", "Rows and images", "Jobs", "What a job tells and leaves", "What the service has"]
    places = [shown.index(f" {title} ") for title in titles]
    assert places == sorted(places)
    assert places[2] < shown.index(" sweep ") < places[3] < shown.index(" integrations ") < places[4]


def test_ctrl_c_exits_with_130(stub: StubService, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("client.transfers.download", leave)

    assert tuneyard(stub, "download", "ftjob-1").exit_code == 130
