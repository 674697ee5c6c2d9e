"""`docs/cli.md` tells the truth: every command that it names is there, and it names every command."""

import re

import typer.main
from typer.core import TyperGroup

from client.cli import app
from tests.integration import pages

PAGE = pages.read("cli.md")


def commands() -> set[str]:
    """`list`, `sweep show`, …"""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    inner = {name: list(one.commands) for name, one in group.commands.items() if isinstance(one, TyperGroup)}
    plain = {name for name in group.commands if name not in inner}
    return plain | {f"{name} {verb}" for name, verbs in inner.items() for verb in verbs}


def test_it_names_no_command_that_is_not_there() -> None:
    table = PAGE.partition("| command | |")[2].partition("\n\n")[0]
    named = re.findall(r"`([a-z][a-z-]*(?: [a-z]+)?)[^`]*`", table)
    groups = {name.partition(" ")[0] for name in commands()}

    assert len(named) > 20
    assert [name for name in named if name not in commands() | groups] == []


def test_it_names_every_command() -> None:
    named = set(re.findall(r"`([a-z-]+)", PAGE))

    assert {name.partition(" ")[0] for name in commands()} - named == set()
