"""`tuneyard sweep` against a service that keeps jobs and answers as told."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from client.cli import app
from tests.unit.client.samples import CANCELLED, FAILED, JOB, SUCCEEDED
from tests.unit.client.stub_service import Answer, Asked, StubService, as_json, problem

SPEC = {"base_model": "starter", "train_dataset": "file-1", "eval_dataset": {"fraction": 0.1}}
GRID = ("--grid", "hyperparameters.learning_rate=1e-4,2e-4")


class Kept:
    """Jobs that were submitted, each of which ends at once; which metric each came to."""

    def __init__(self, ends: Callable[[int], dict[str, Any]] = lambda _: SUCCEEDED) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.ends = ends

    def __call__(self, asked: Asked) -> Answer:
        url = urlsplit(asked.path)
        if asked.method == "POST" and url.path == "/jobs":
            return self._submit(asked)
        if found := re.fullmatch(r"/jobs/ftjob-(\d+)/metrics", url.path):
            values = [2.0, 1.0 / (1 + int(found[1]))]
            return as_json({"data": [{"name": "eval_loss", "steps": [1, 2], "values": values}]})
        if asked.method == "POST":
            self.jobs = [CANCELLED | {"id": job["id"], "spec": job["spec"]} for job in self.jobs]
            return as_json(self.jobs[0])
        [sweep] = parse_qs(url.query)["metadata[sweep]"]
        found_jobs = [job for job in self.jobs if job["spec"]["metadata"]["sweep"] == sweep]
        return as_json({"data": found_jobs[::-1], "has_more": False, "last_id": None})

    def _submit(self, asked: Asked) -> Answer:
        number = len(self.jobs)
        job = self.ends(number) | {"id": f"ftjob-{number}", "spec": json.loads(asked.body)}
        self.jobs.append(job)
        self.keys.append(asked.headers.get("Idempotency-Key"))
        return as_json(job, 201)


@pytest.fixture
def spec(tmp_path: Path) -> str:
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    return str(tmp_path / "spec.json")


def sweep(stub: StubService, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--url", stub.url, "sweep", *arguments])


def test_every_point_is_a_job_that_names_the_sweep(stub: StubService, spec: str) -> None:
    kept = Kept()
    stub.answers = [kept]

    result = sweep(stub, spec, *GRID, "--grid", "seed=1,2", "--name", "mine")

    assert result.exit_code == 0, result.output
    specs = [job["spec"] for job in kept.jobs]
    assert [(one["hyperparameters"]["learning_rate"], one["seed"]) for one in specs] == [
        (1e-4, 1),
        (1e-4, 2),
        (2e-4, 1),
        (2e-4, 2),
    ]
    assert [one["metadata"] for one in specs] == [{"sweep": "mine", "sweep_point": str(n)} for n in range(4)]
    assert kept.keys == [f"mine/{number}" for number in range(4)]


def test_the_best_job_is_marked(stub: StubService, spec: str) -> None:
    stub.answers = [Kept()]

    result = sweep(stub, spec, *GRID)

    header, first, second = result.stdout.splitlines()
    assert header.split() == ["job", "hyperparameters.learning_rate", "status", "step", "eval_loss"]
    assert first.split() == ["ftjob-0", "0.0001", "succeeded", "40/40", "1"]
    assert second.split() == ["★", "ftjob-1", "0.0002", "succeeded", "40/40", "0.5"]


def test_the_same_command_goes_on_with_the_same_sweep(stub: StubService, spec: str) -> None:
    kept = Kept()
    stub.answers = [kept]
    sweep(stub, spec, *GRID)
    lost = kept.jobs.pop()

    result = sweep(stub, spec, *GRID)

    assert result.exit_code == 0
    assert kept.jobs[1]["spec"] == lost["spec"]
    assert kept.keys[1] == kept.keys[2]
    assert len(kept.keys) == 3


def test_a_sweep_that_goes_on_uploads_nothing_again(stub: StubService, tmp_path: Path) -> None:
    kept = Kept()
    stub.answers = [kept]
    (tmp_path / "rows.jsonl").write_text("row")
    (tmp_path / "spec.json").write_text(json.dumps(SPEC | {"train_dataset": str(tmp_path / "rows.jsonl")}))
    child = SPEC | {"hyperparameters": {"learning_rate": 1e-4}, "metadata": {"sweep": "mine", "sweep_point": "0"}}
    kept.jobs = [SUCCEEDED | {"id": "ftjob-0", "spec": child}]

    result = sweep(stub, str(tmp_path / "spec.json"), *GRID, "--name", "mine")

    assert result.exit_code == 0, result.output
    assert kept.jobs[1]["spec"]["train_dataset"] == "file-1"


def test_the_name_of_another_sweep_is_refused(stub: StubService, spec: str) -> None:
    kept = Kept()
    stub.answers = [kept]
    sweep(stub, spec, *GRID, "--name", "mine")

    result = sweep(stub, spec, "--grid", "hyperparameters.learning_rate=3e-4,4e-4", "--name", "mine")

    assert result.exit_code == 2
    assert "mine is another sweep" in result.stderr
    assert len(kept.jobs) == 2


def test_one_success_is_a_success(stub: StubService, spec: str) -> None:
    stub.answers = [Kept(lambda number: FAILED if number else SUCCEEDED)]
    assert sweep(stub, spec, *GRID).exit_code == 0

    stub.answers = [Kept(lambda _: FAILED)]
    assert sweep(stub, spec, *GRID, "--name", "other").exit_code == 1


def test_programs_are_told_what_each_point_came_to(stub: StubService, spec: str) -> None:
    stub.answers = [Kept()]

    told = json.loads(sweep(stub, spec, *GRID, "--name", "mine", "--json").stdout)

    assert (told["sweep"], told["metric"], told["best"]) == ("mine", "eval_loss", "ftjob-1")
    assert [(job["values"], job["value"]) for job in told["jobs"]] == [
        ({"hyperparameters.learning_rate": 1e-4}, 1.0),
        ({"hyperparameters.learning_rate": 2e-4}, 0.5),
    ]


def test_a_sweep_is_found_and_ended_by_its_id(stub: StubService, spec: str) -> None:
    kept = Kept(lambda _: JOB)
    stub.answers = [kept]
    assert sweep(stub, spec, *GRID, "--name", "mine", "--detach").exit_code == 0

    shown, ended = sweep(stub, "show", "mine"), sweep(stub, "cancel", "mine")

    assert shown.stdout.count("queued") == 2
    assert ended.stdout.count("cancelled") == 2


ESTIMATE = {
    "num_parameters": 100,
    "num_trainable_parameters": 10,
    "steps_per_epoch": 5,
    "total_steps": 15,
    "memory": {"total_bytes": 1_000_000},
    "disk_bytes": 2_000_000,
    "seconds": 60.0,
}
REFUSED = {"location": "method.rank", "detail": "Input should be greater than 0"}


def looked_at(asked: Asked) -> Answer:
    """Reports: of points with rank 0 the spec is refused, of those with rank 64 there is too little memory."""
    if asked.method == "GET":
        return as_json({"data": [], "has_more": False, "last_id": None})
    if asked.path.partition("?")[0] == "/jobs":
        return as_json(SUCCEEDED | {"spec": json.loads(asked.body)}, 201)
    rank = json.loads(asked.body)["method"]["rank"]
    if rank == 0:
        return problem(422, "invalid_request", errors=[REFUSED])
    wrong = {"code": "out_of_memory", "message": "too large"} if rank == 64 else None
    report = {"is_valid": wrong is None, "problem": wrong, "estimate": ESTIMATE}
    return as_json({"id": "report-1", "report": report})


def submissions(stub: StubService) -> list[str]:
    return [asked.path for asked in stub.asked if asked.method == "POST" and not asked.path.startswith("/jobs/")]


def test_a_dry_run_tells_what_each_point_takes_and_submits_none(stub: StubService, spec: str) -> None:
    stub.answers = [looked_at]

    result = sweep(stub, spec, "--grid", "method.rank=8,0,64", "--dry-run")

    assert result.exit_code == 1
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:4]] == [["8", "15"], ["0", "would"], ["64", "15"]]
    assert "method.rank=0 would fail: method.rank: Input should be greater than 0 (invalid_request)" in result.stdout
    assert "method.rank=64 would fail: too large (out_of_memory)" in result.stdout
    assert "1 of 3 would run: 2 MB of disk, about 1:00 min one after the other" in result.stdout
    assert submissions(stub) == []


def test_a_dry_run_tells_what_all_points_take(stub: StubService, spec: str) -> None:
    stub.answers = [looked_at]

    for_people, for_programs = (
        sweep(stub, spec, "--grid", "method.rank=8,16", "--dry-run", *json_) for json_ in ([], ["--json"])
    )

    assert for_people.exit_code == for_programs.exit_code == 0
    assert "2 of 2 would run: 4 MB of disk, about 2:00 min one after the other" in for_people.stdout
    told = json.loads(for_programs.stdout)
    assert (told["num_failing"], told["seconds"], told["disk_bytes"]) == (0, 120.0, 4_000_000)
    assert [point["values"] for point in told["points"]] == [{"method.rank": 8}, {"method.rank": 16}]


@pytest.mark.parametrize(("ranks", "num_submitted"), [("8,16", 2), ("8,64", 0)])
def test_a_sweep_that_is_checked_is_submitted_if_every_point_would_run(
    stub: StubService, spec: str, ranks: str, num_submitted: int
) -> None:
    stub.answers = [looked_at]

    result = sweep(stub, spec, "--grid", f"method.rank={ranks}", "--check", "--detach", "--json")

    assert len(submissions(stub)) == num_submitted
    assert (result.exit_code, bool(result.stdout)) == ((0, True) if num_submitted else (1, False))
    assert "of 2 would run" in result.stderr


def test_an_unknown_sweep_is_told(stub: StubService) -> None:
    stub.answers = [Kept()]

    result = sweep(stub, "show", "nowhere")

    assert result.exit_code == 1
    assert "no job belongs to a sweep 'nowhere'" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--grid", "seed"),
        ("--random", "3"),
        ("--random", "3", *GRID),
        ("--uniform", "seed=1:2"),
        ("--random", "3", "--uniform", "seed=2:1"),
        (*GRID, "--name", "für alle"),
    ],
)
def test_a_sweep_without_points_or_with_a_name_that_is_none_is_wrong_usage(
    stub: StubService, spec: str, options: tuple[str, ...]
) -> None:
    result = sweep(stub, spec, *options)

    assert result.exit_code == 2
    assert stub.asked == []
