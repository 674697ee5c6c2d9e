"""OpenAI's own clients, unmodified, from the upload to the first answer: the scripts of `examples/openai`."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.environments import COMMAND_LINE, PYTHON_CLIENTS, node, python_of
from tests.e2e.live_service import Service, running

EXAMPLES = Path(__file__).parents[2] / "examples" / "openai"
*OLDER, NEWEST = PYTHON_CLIENTS
MODEL = "gpt-4o-2024-08-06"


@pytest.fixture(scope="module")
def service(starter_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose operator lets a model of its own answer to a name that scripts ask for, and chats wait long."""
    offered = ("--model", f"{MODEL}={starter_dir}")
    with running(tmp_path_factory.mktemp("clients"), *offered, TUNEYARD_CHAT_WAIT_SECONDS="60") as service:
        yield service


@pytest.fixture(scope="module")
def rows(shades_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows in OpenAI's format for pictures."""
    return Path(shutil.copy(shades_file, tmp_path_factory.mktemp("rows") / "train.jsonl"))


def run(service: Service, *command: str | Path, path: Path | None = None) -> str:
    """Run a script with nothing but the two variables that every client of OpenAI reads."""
    environment = {
        "PATH": os.pathsep.join([*([str(path)] if path else []), os.environ["PATH"]]),
        "OPENAI_BASE_URL": f"{service.url}/v1",
        "OPENAI_API_KEY": service.endpoint().api_key or "",
    }
    done = subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_went_all_the_way(told: str) -> None:
    lines = told.splitlines()
    for word in ("uploaded file-", "created ftjob-", "ended succeeded", "event info", "checkpoint", "results step,"):
        assert any(line.startswith(word) for line in lines), (word, told)
    assert any(line.startswith("answer ") for line in lines), told
    assert any(line.startswith("streamed ") for line in lines), told


@pytest.mark.parametrize("name", PYTHON_CLIENTS)
def test_the_python_sdk_goes_all_the_way(service: Service, rows: Path, name: str) -> None:
    assert_went_all_the_way(run(service, python_of(name), EXAMPLES / "fine_tune.py", rows))


@pytest.mark.parametrize("name", [*(pytest.param(one, marks=pytest.mark.long) for one in OLDER), NEWEST])
def test_answers_have_the_types_that_the_sdk_declares(service: Service, rows: Path, name: str) -> None:
    run(service, python_of(name), Path(__file__).parent / "strict.py", rows)


def test_the_node_sdk_goes_all_the_way(service: Service, rows: Path) -> None:
    program, packages = node()
    script = shutil.copy(EXAMPLES / "fine_tune.mjs", packages / "fine_tune.mjs")  # it imports from where it lies

    assert_went_all_the_way(run(service, program, script, rows))


def test_the_old_command_line_goes_all_the_way(service: Service, rows: Path) -> None:
    folder = python_of(COMMAND_LINE).parent

    told = run(service, "bash", EXAMPLES / "fine_tune.sh", rows, path=folder)

    for word in ("uploaded file-", "created ftjob-", "ended succeeded", "answer "):
        assert any(line.startswith(word) for line in told.splitlines()), (word, told)
