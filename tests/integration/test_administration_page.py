"""`docs/administration.md` tells of every command, every limit and every check."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from client.admin import app
from store.retention import Kept
from tests.integration import pages

PAGE = pages.read("administration.md")
ROOT = Path(__file__).parents[2]


def commands(group: Any, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} ")
        else:
            yield f"{before}{name}"


def test_every_command_of_operators_is_told() -> None:
    told = set(re.findall(r"tuneyard admin ((?:keys |projects )?[a-z]+)", PAGE))

    assert set(commands(typer.main.get_command(app))) == told


def test_every_limit_on_how_long_things_are_kept_is_told() -> None:
    assert set(re.findall(r"keep_(\w+)_days", PAGE)) == set(Kept)


def test_every_check_is_told() -> None:
    sources = [*ROOT.glob("*/doctor.py"), *(ROOT / "client").glob("doctor_*.py")]
    names = {name for path in sources for name in re.findall(r'examine\(\s*"([^"]+)"', path.read_text())}

    assert len(names) > 15
    assert {name for name in names if f"`{name}`" not in PAGE} == {"settings"}
