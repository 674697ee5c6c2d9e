"""The command line against a service that answers as told."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from client.cli import app
from tests.unit.client.samples import CANCELLED, FAILED, JOB, RUNNING, SUCCEEDED
from tests.unit.client.stub_service import StubService, as_json, problem

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
    stub.answers = [as_json(RUNNING, ETag='"1"'), as_json(SUCCEEDED)]

    result = tuneyard(stub, "watch", "ftjob-1", "--json")

    assert (result.exit_code, result.stderr) == (0, "")
    assert [json.loads(line)["status"] for line in result.stdout.splitlines()] == ["running", "succeeded"]


def test_leaving_the_watch_leaves_the_job(stub: StubService, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("client.cli.show_to_end", leave)

    result = tuneyard(stub, "watch", "ftjob-1")

    assert result.exit_code == 130
    assert "ftjob-1 goes on" in result.stderr
    assert stub.asked == []


def test_list_cuts_no_id(stub: StubService) -> None:
    job_id = "ftjob-01kav7q2nm3c5d8e9f0g1h2j3k"
    stub.answers = [as_json(page(RUNNING | {"id": job_id}, JOB))]

    result = tuneyard(stub, "list")

    header, first, second = result.stdout.splitlines()
    assert header.split() == ["job", "status", "base", "model", "step", "loss", "submitted"]
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
