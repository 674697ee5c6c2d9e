"""One live service and one trained job for everybody who reads the documents, and a folder a page."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.environments import python_of
from tests.documents.blocks import ROOT, Block
from tests.documents.place import ENDED, QUICK, Place, few_digits
from tests.documents.reader import Reader, path_with_python
from tests.e2e.live_service import running

RAN: list[Block] = []
EXEMPT: list[Block] = []
SPEC = {"base_model": "starter", "train_dataset": "train.jsonl", "hyperparameters": QUICK}


@dataclass(frozen=True)
class Left:
    """What an earlier reader has left: rows, and a job that has trained on them."""

    dataset_id: str
    job_id: str


@pytest.fixture(scope="session")
def place(starter_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = {"TUNEYARD_CHAT_WAIT_SECONDS": "60", "TUNEYARD_WEBHOOK_PRIVATE_HOSTS": "127.0.0.1"}
    offered = ("--model", f"gpt-4o-2024-08-06={starter_dir}")  # what scripts for OpenAI ask for
    with running(tmp_path_factory.mktemp("service"), *offered, **settings) as service:
        yield Place(service, few_digits(tmp_path_factory.mktemp("digits")), starter_dir)


@pytest.fixture(scope="session")
def left(place: Place) -> Left:
    dataset_id = place.upload(place.rows / "train.jsonl")
    job_id = place.submit(dataset_id, QUICK, suffix="digits", eval_dataset={"fraction": 0.25})
    place.wait(job_id, *ENDED)
    return Left(dataset_id, job_id)


@pytest.fixture
def reader(place: Place, left: Left, tmp_path: Path) -> Iterator[Reader]:
    """A reader whose home has the key of the service, as that of whoever started it has."""
    home, folder = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    (home / ".tuneyard").symlink_to(place.service.data_dir)
    (home / ".curlrc").write_text("fail-with-body\nshow-error\nsilent\n")
    shutil.copytree(place.rows, folder)
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "starter").symlink_to(place.starter)
    (folder / "spec.json").write_text(json.dumps(SPEC))
    reader = Reader(folder, _environment(home), _placeholders(place, left), place.upload)
    yield reader
    reader.close()
    place.cancel_what_is_left()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if RAN or EXEMPT:
        terminalreporter.section("blocks of the documents")
        terminalreporter.line(f"{len(RAN)} ran, {len(EXEMPT)} were looked at instead:")
        for block in EXEMPT:
            terminalreporter.line(f"{block.place} ({block.language}): {block.exempt}")


def _environment(home: Path) -> dict[str, str]:
    """What a shell has in which the environments of this project and of OpenAI's client are active."""
    client = python_of("openai-3")
    packages = next((client.parents[1] / "lib").glob("python*/site-packages"))
    (home / "sitecustomize.py").write_text(f"import sys\nsys.path.append({str(packages)!r})\n")
    mine = {"HOME": str(home), "PATH": path_with_python(), "PYTHONPATH": f"{ROOT}{os.pathsep}{home}"}
    return {"OMP_NUM_THREADS": "1", "LANG": "C.UTF-8", **mine}


def _placeholders(place: Place, left: Left) -> dict[str, str]:
    question = json.loads((place.rows / "train.jsonl").read_text().splitlines()[0])["messages"][0]
    [picture] = [part["image_url"]["url"] for part in question["content"] if part["type"] == "image_url"]
    return {
        "http://127.0.0.1:8000": place.service.url,
        "https://hooks.example": "http://127.0.0.1:9",
        "data:image/png;base64,…": picture,
        "file-…": left.dataset_id,
        "ty_…": place.key,
        "proj_…": "proj_default",
        "ft:…": f"ft:starter:proj_default:digits:{left.job_id.removeprefix('ftjob-')}",
    }
