"""`docs/sdk.md` tells the truth: every example runs, against a real service."""

import re
import shutil
from pathlib import Path

import pytest

from client import Job, views
from tests.e2e.live_service import Service
from tests.integration import pages
from trainer_core.contract.manifest import Manifest

PAGE = pages.read("sdk.md")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(service: Service, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader of the page would stand."""
    shutil.copy(digits / "train.jsonl", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNEYARD_URL", service.url)
    monkeypatch.setenv("TUNEYARD_API_KEY", service.endpoint().api_key or "")
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"example {number}" for number in range(1, len(EXAMPLES) + 1)])
def test_its_examples_run(folder: Path, example: str) -> None:
    exec(example, {"__name__": "__main__"})  # noqa: S102 - it is the thing under test

    for model in folder.glob("model*"):
        assert Manifest.load(model).is_true_of(model)


def test_every_verb_of_a_job_is_in_its_table() -> None:
    table = PAGE.partition("| `job.` | |")[2].partition("\n\n")[0]
    told = set(re.findall(r"(\w+)\(", table))

    there = {name for name in {*dir(Job)} - {*dir(views.Job)} if not name.startswith("_")}

    assert len(told) > 10
    assert told == there
