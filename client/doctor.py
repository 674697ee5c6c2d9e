"""`tuneyard doctor`: looks at this machine, at the deployment that it holds, and at a service, and says what to do.

What needs torch, drivers or the database is looked at by programs of the packages that know them, if they are
installed; each prints what it found.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Column, Table

from client import doctor_machine, doctor_service
from client.admin_deployment import environment_of, has_broker
from client.endpoint import default_data_dir, find_service
from client.errors import ServiceUnknown
from client.printing import stdout
from trainer_core.contract.check import Check, Outcome, examine

_PATIENCE_SECONDS = 300
"""For one program: torch is slow to load from a cold disk."""
_MARKS = {Outcome.OK: "[green]ok[/]", Outcome.WARNING: "[yellow]warning[/]", Outcome.FAILED: "[bold red]failed[/]"}


@dataclass(frozen=True)
class Look:
    """A program that looks, and what it is told."""

    module: str
    needs: str
    """Package of an extra, without which nothing is to be looked at."""
    options: Sequence[str] = ()
    environment: Mapping[str, str] | None = None


def doctor(
    ctx: typer.Context,
    data_dir: Annotated[
        Path | None, typer.Option(envvar="TUNEYARD_DATA_DIR", help="Data folder of `tuneyard up`")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs")] = False,
) -> None:
    """Look for what is wrong with this machine, its deployment and its service; exits with 1 if something is."""
    folder = (data_dir or default_data_dir()).resolve()
    asked = ctx.parent.params if ctx.parent else {}
    found = list(examine_all(folder, asked.get("url"), asked.get("api_key")))
    if as_json:
        typer.echo(json.dumps([check.model_dump(mode="json") for check in found], ensure_ascii=False))
    else:
        stdout().print(_table(found))
    raise typer.Exit(int(any(check.outcome is Outcome.FAILED for check in found)))


def examine_all(data_dir: Path, url: str | None, api_key: str | None) -> Iterator[Check]:
    """Everything that there is to look at from here.

    Args:
        data_dir: Of an embedded service; the environment's deployment goes before it.
        url: Of a service; by default the one that the environment names or the folder has.
    """
    looks = [Look("trainer_core.doctor", "torch"), Look("worker.doctor", "pynvml"), *of_deployment(data_dir)]
    started = [(look, start(look)) for look in looks if _is_installed(look)]
    yield from doctor_machine.checks(data_dir)
    for look, process in started:
        yield from told(look, process)
    try:
        found, key = find_service(url, None if url or os.environ.get("TUNEYARD_URL") else data_dir, api_key)
    except ServiceUnknown:
        return
    yield from doctor_service.checks(found, key)


def of_deployment(data_dir: Path) -> list[Look]:
    """What looks at the deployment that the environment names, or that the folder holds; nothing if there is none."""
    environment = environment_of(data_dir)
    if environment is None:
        return []
    options = [] if has_broker(data_dir) else ["--without-broker"]
    return [
        Look("store.doctor", "sqlalchemy", options, environment),
        Look("migrations.doctor", "alembic", (), environment),
    ]


def _is_installed(look: Look) -> bool:
    return all(importlib.util.find_spec(name) for name in (look.module.partition(".")[0], look.needs))


def start(look: Look) -> subprocess.Popen[str]:
    """Have a program look; several may at once."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", look.module, *look.options],
        env=look.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(look: Look, process: subprocess.Popen[str]) -> Iterator[Check]:
    """What a program has found; that it broke down, if it did."""
    try:
        printed, complaints = process.communicate(timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        printed, complaints = process.communicate()
    for line in printed.splitlines():
        try:
            yield Check.model_validate_json(line)
        except ValidationError:  # what a library prints
            continue
    if process.returncode != 0:
        yield examine(look.module, lambda: _broken(process.returncode, complaints), _again(look.module))


def _broken(exit_code: int, complaints: str) -> str:
    raise RuntimeError(f"ended with {exit_code}: {(complaints.strip().splitlines() or ['no word'])[-1]}")


def _again(module: str) -> str:
    return f"Run `python -m {module}` by itself"


def _table(found: Iterable[Check]) -> Table:
    table = Table(
        Column("check", no_wrap=True), "", Column("seen, and what to do", overflow="fold"), box=None, pad_edge=False
    )
    for check in found:
        advice = f"\n[dim]→ {escape(check.advice)}[/]" if check.advice else ""
        table.add_row(check.name, _MARKS[check.outcome], f"{escape(check.seen)}{advice}")
    return table
