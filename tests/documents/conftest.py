"""One live service, one trained job and a folder a page for everybody who reads the documents."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from client.views import Job
from tests.clients.environments import python_of
from tests.documents.blocks import ROOT, Block
from tests.documents.reader import Reader, path_with_python
from tests.e2e.live_service import QUICK, Service, running

RAN: list[Block] = []
EXEMPT: list[Block] = []
APPEND_CLIENTS = "import sys; sys.path.append({folder!r})\n"
SPEC = {"base_model": "starter", "train_dataset": "train.jsonl", "hyperparameters": QUICK}


@dataclass(frozen=True)
class Place:
    """Where readers do what they read."""

    service: Service
    trained: Job
    dataset_id: str
    rows: Path
    """A folder with `train.jsonl` and `heldout.jsonl`."""
    starter: Path


@pytest.fixture(scope="session")
def place(starter_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    rows = _few_digits(tmp_path_factory.mktemp("digits"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEYARD_CHAT_WAIT_SECONDS", "60")
        patch.setenv("TUNEYARD_WEBHOOK_PRIVATE_HOSTS", "127.0.0.1")
        offered = ("--model", f"gpt-4o-2024-08-06={starter_dir}")
        with running(tmp_path_factory.mktemp("service"), *offered) as service:
            dataset_id = service.tuneyard.datasets.upload(rows / "train.jsonl").id
            trained = service.ended(service.submit(dataset_id, QUICK, suffix="digits", eval_dataset={"fraction": 0.25}))
            yield Place(service, trained, dataset_id, rows, starter_dir)


@pytest.fixture
def reader(place: Place, tmp_path: Path) -> Iterator[Reader]:
    """A reader whose home has the key of the service, as that of whoever started it has."""
    home, folder = tmp_path / "home", tmp_path / "work"
    for path in (home, folder):
        path.mkdir()
    (home / ".tuneyard").symlink_to(place.service.data_dir)
    (home / ".curlrc").write_text("fail-with-body\nshow-error\nsilent\n")
    shutil.copytree(place.rows, folder, dirs_exist_ok=True)
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "starter").symlink_to(place.starter)
    (folder / "spec.json").write_text(json.dumps(SPEC))
    reader = Reader(folder, _environment(home), _placeholders(place), place.service.tuneyard.datasets.upload)
    yield reader
    reader.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if RAN or EXEMPT:
        terminalreporter.section("blocks of the documents")
        terminalreporter.line(f"{len(RAN)} ran, {len(EXEMPT)} were looked at instead:")
        for block in EXEMPT:
            terminalreporter.line(f"{block.place} ({block.language}): {block.exempt}")


def _few_digits(folder: Path) -> Path:
    subprocess.run(
        [sys.executable, ROOT / "examples" / "digits" / "dataset.py", folder], check=True, stdout=subprocess.DEVNULL
    )
    for name, num_rows in (("train.jsonl", 64), ("heldout.jsonl", 8)):
        rows = (folder / name).read_text().splitlines(keepends=True)[:num_rows]
        (folder / name).write_text("".join(rows))
    return folder


def _environment(home: Path) -> dict[str, str]:
    """What a shell has in which the environments of this project and of OpenAI's client are active."""
    client = python_of("openai-3")
    packages = next((client.parents[1] / "lib").glob("python*/site-packages"))
    (home / "sitecustomize.py").write_text(APPEND_CLIENTS.format(folder=str(packages)))
    mine = {"HOME": str(home), "PATH": path_with_python(), "PYTHONPATH": f"{ROOT}{os.pathsep}{home}"}
    return {"OMP_NUM_THREADS": "1", "LANG": "C.UTF-8", **mine}


def _placeholders(place: Place) -> dict[str, str]:
    first = json.loads((place.rows / "train.jsonl").read_text().splitlines()[0])
    [picture] = [part["image_url"]["url"] for part in first["messages"][0]["content"] if part["type"] == "image_url"]
    return {
        "http://127.0.0.1:8000": place.service.url,
        "https://hooks.example": "http://127.0.0.1:9",
        "data:image/png;base64,…": picture,
        "file-…": place.dataset_id,
        "ty_…": place.service.endpoint().api_key or "",
        "proj_…": "proj_default",
        "ft:…": _name_of_trained(place),
    }


def _name_of_trained(place: Place) -> str:
    """By what name OpenAI's clients ask for the trained model."""
    return f"ft:starter:proj_default:digits:{place.trained.id.removeprefix('ftjob-')}"
