"""What a job has answered and saved, on the command line, against a service that answers as told."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from client.cli import app
from tests.unit.client.samples import SUCCEEDED
from tests.unit.client.stub_service import Answer, StubService, as_json

AT = "2026-11-24T10:00:00Z"


def tuneyard(stub: StubService, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--url", stub.url, *arguments])


def test_answers_of_one_row_stand_below_each_other(stub: StubService) -> None:
    asked = {"question": "Which digit?", "target": "7", "images": []}
    evaluations: list[dict[str, object]] = [
        {
            "event_id": step,
            "attempt": 1,
            "step": step,
            "created_at": AT,
            "loss": 0.5,
            "scores": {},
            "predictions": [
                asked | {"line": line, "output": f"answer {line} at {step}", "scores": {"exact_match": 0.0}}
                for line in (3, 8)
            ],
        }
        for step in (10, 20)
    ]
    stub.answers = [as_json({"data": evaluations, "has_more": False, "last_id": 20})]

    _, *rows = tuneyard(stub, "samples", "ftjob-1").stdout.splitlines()

    assert [row.partition("answer ")[2].split()[0:3] for row in rows] == [
        ["3", "at", "10"],
        ["3", "at", "20"],
        ["8", "at", "10"],
        ["8", "at", "20"],
    ]
    assert [row.count("Which digit?") for row in rows] == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("step", "name", "route"),
    [([], "ftjob-1.tar", "archive"), (["--step", "40"], "ftjob-1-step-40.tar", "checkpoints/40/archive")],
    ids=["artifact", "checkpoint"],
)
def test_an_archive_is_of_what_was_left_or_of_a_checkpoint(
    stub: StubService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: list[str], name: str, route: str
) -> None:
    monkeypatch.chdir(tmp_path)
    stub.answers = [Answer(b"tar"), as_json(SUCCEEDED)]

    result = tuneyard(stub, "archive", "ftjob-1", *step)

    assert result.stdout == f"{name}\n"
    assert (tmp_path / name).read_bytes() == b"tar"
    assert stub.asked[0].path == f"/jobs/ftjob-1/{route}"
