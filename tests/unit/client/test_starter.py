"""The starter model is made once."""

import os
import sys
from pathlib import Path

import pytest

from client.child import Program
from client.errors import CannotStart
from client.processes import Role
from client.starter import Starter

MAKES = "import os; os.mkdir('starter')"
BREAKS = "import sys; sys.exit('no room')"


def starter(folder: Path, program: str) -> Starter:
    making = Program(
        role=Role.STARTER,
        command=[sys.executable, "-c", program],
        environment={"PATH": os.environ["PATH"]},
        folder=folder,
        log_path=folder / "starter.log",
    )
    return Starter(making, folder / "starter")


def wait_for(starter: Starter) -> None:
    while not starter.is_there():
        pass


def test_it_is_made_if_it_is_missing(tmp_path: Path) -> None:
    wait_for(starter(tmp_path, MAKES))

    assert (tmp_path / "starter").is_dir()


def test_it_is_made_only_once(tmp_path: Path) -> None:
    (tmp_path / "starter").mkdir()

    assert starter(tmp_path, BREAKS).is_there()


def test_failure_is_told_with_the_log(tmp_path: Path) -> None:
    broken = starter(tmp_path, BREAKS)

    with pytest.raises(CannotStart, match="starter ended with exit code 1:\nno room"):
        wait_for(broken)
