"""`tuneyard admin`: what whoever runs a service does with it."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import to_jsonable_python
from rich.markup import escape
from rich.table import Table

from client import admin_records
from client.admin_service import EVERY_WORKER, Operator
from client.endpoint import default_data_dir
from client.errors import UnreadableInput
from client.printing import size, stdout

_LOOK_SECONDS = 1.0
_DAY_SECONDS = 86_400

app = typer.Typer(no_args_is_help=True, help="Run a service: keys, projects, workers, storage and records")
keys = typer.Typer(no_args_is_help=True, help="Who may use the service")
projects = typer.Typer(no_args_is_help=True, help="Who owns jobs and files, what they may use, how long it is kept")
app.add_typer(keys, name="keys")
app.add_typer(projects, name="projects")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]
ProjectId = Annotated[str, typer.Argument(metavar="PROJECT", help="Id of a project: proj_…")]
Assignments = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME=VALUE]…", help="Limits: max_running_jobs=2 keep_logs_days=30 …")
]
WorkerName = Annotated[str, typer.Argument(metavar="[WORKER]", help="Name of a worker; all of them if not given")]
DataDir = Annotated[Path | None, typer.Option(envvar="TUNEYARD_DATA_DIR", help="Data folder of `tuneyard up`")]


@keys.command("list")
def list_keys(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show every key without its secret, revoked ones too."""
    with _operator(ctx) as operator:
        found = operator.keys()
    _tell(
        found,
        _rows(found, "id", "name", "scope", "project_id", "expires_at", "revoked_at", "last_used_at"),
        as_json=as_json,
    )


@keys.command("create")
def create_key(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is called in lists")],
    scope: Annotated[str, typer.Option(help="read, submit or admin")] = "submit",
    project: Annotated[str | None, typer.Option(help="Id of its project; the default one if not given")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="After which it opens nothing; never if not given")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once."""
    seconds = None if days is None else days * _DAY_SECONDS
    with _operator(ctx) as operator:
        made = operator.create_key(name=name, scope=scope, project_id=project, expires_in_seconds=seconds)
    _tell(made, made["key"], as_json=as_json)


@keys.command("revoke")
def revoke_key(ctx: typer.Context, key_id: Annotated[str, typer.Argument(metavar="KEY", help="Its id")]) -> None:
    """Have a key open nothing from now on."""
    with _operator(ctx) as operator:
        revoked = operator.revoke_key(key_id)
    typer.echo(f"{revoked['id']} ({revoked['name']}) opens nothing any more")


@projects.command("list")
def list_projects(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show every project."""
    with _operator(ctx) as operator:
        found = operator.projects()
    _tell(
        found,
        _rows(found, "id", "name", "share", "max_queued_jobs", "max_running_jobs", "max_gpu_hours"),
        as_json=as_json,
    )


@projects.command("show")
def show_project(ctx: typer.Context, project_id: ProjectId, *, as_json: AsJson = False) -> None:
    """Show a project and all its limits."""
    with _operator(ctx) as operator:
        found = operator.project(project_id)
    _tell(found, _facts(found), as_json=as_json)


@projects.command("create")
def create_project(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is called")],
    limits: Assignments = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a project; its keys are made with `tuneyard admin keys create --project`."""
    with _operator(ctx) as operator:
        made = operator.create_project(name, **_assigned(limits))
    _tell(made, made["id"], as_json=as_json)


@projects.command("set")
def set_limits(
    ctx: typer.Context, project_id: ProjectId, limits: Assignments = None, *, as_json: AsJson = False
) -> None:
    """Change a project's name or limits: max_gpu_hours=100, keep_artifacts_days=90; =none takes a limit away."""
    with _operator(ctx) as operator:
        changed = operator.change_project(project_id, **_assigned(limits))
    _tell(changed, _facts(changed), as_json=as_json)


@app.command()
def usage(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show what each project has and has used in the last 30 days."""
    with _operator(ctx) as operator:
        found = list(operator.usage())
    told = [
        {
            "project": one["project"]["name"],
            "queued": one["num_queued_jobs"],
            "running": one["num_running_jobs"],
            "GPU hours": f"{one['gpu_hours']:.1f}",
            "storage": size(one["storage_bytes"]),
        }
        for one in found
    ]
    _tell(found, _rows(told, "project", "queued", "running", "GPU hours", "storage"), as_json=as_json)


@app.command()
def drain(
    ctx: typer.Context,
    worker: WorkerName = EVERY_WORKER,
    *,
    give_back: Annotated[bool, typer.Option("--give-back", help="Running jobs save and go back to the queue")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return once no job runs there any more")] = False,
    as_json: AsJson = False,
) -> None:
    """Have workers take nothing new, until `tuneyard admin resume`; running jobs end, or go back to the queue."""
    with _operator(ctx) as operator:
        told = operator.drain(worker, gives_back=give_back)
        while wait and _num_running(told, worker):
            time.sleep(_LOOK_SECONDS)
            told = operator.drains()
    _tell(told, _standings(told), as_json=as_json)


@app.command()
def resume(ctx: typer.Context, worker: WorkerName = EVERY_WORKER) -> None:
    """Have drained workers take jobs again."""
    with _operator(ctx) as operator:
        operator.resume(worker)
    typer.echo("All workers take jobs again" if worker == EVERY_WORKER else f"{worker} takes jobs again")


@app.command()
def workers(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show each worker, whether it is drained, and how many jobs run there."""
    with _operator(ctx) as operator:
        told = operator.drains()
    _tell(told, _standings(told), as_json=as_json)


@app.command()
def gc(
    ctx: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be deleted, and delete nothing")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete from the storage what nothing needs: orphans, what has expired, what projects keep no longer."""
    with _operator(ctx) as operator:
        answers = [operator.garbage() if dry_run else operator.collect_garbage()]
        while answers[-1]["has_more"] and not dry_run:
            answers.append(operator.collect_garbage())
    found = [one for answer in answers for one in answer["data"]]
    told = [one | {"size": size(one["num_bytes"])} for one in found]
    if not as_json and found:
        stdout().print(_rows(told, "kind", "name", "size"))
    total = size(sum(one["num_bytes"] for one in found))
    more = ", and more" if dry_run and answers[-1]["has_more"] else ""
    _tell(
        found,
        f"{len(found)} things{more}, {total} {'could be deleted' if dry_run else 'were deleted'}",
        as_json=as_json,
    )


@app.command()
def backup(path: Annotated[Path, typer.Argument(help="File to write")], data_dir: DataDir = None) -> None:
    """Write all records into one file, while the service runs; files on the storage are not in it."""
    typer.echo(admin_records.back_up(_folder(data_dir), path))


@app.command()
def restore(
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A backup")], data_dir: DataDir = None
) -> None:
    """Make the records of a backup in an empty database, SQLite or PostgreSQL, and verify them."""
    typer.echo(admin_records.restore(_folder(data_dir), path))


@app.command()
def upgrade(
    data_dir: DataDir = None,
    backup_dir: Annotated[Path | None, typer.Option(help="Folder for the backup; `backups` of the data folder")] = None,
) -> None:
    """Back the records up, bring the tables to this release, and look whether all is in order."""
    folder = _folder(data_dir)
    typer.echo(admin_records.upgrade(folder, backup_dir or folder / "backups"))


def _operator(ctx: typer.Context) -> Operator:
    asked = ctx.find_root().params
    return Operator(asked.get("url"), asked.get("api_key"))


def _folder(data_dir: Path | None) -> Path:
    return (data_dir or default_data_dir()).resolve()


def _assigned(limits: Iterable[str] | None) -> dict[str, Any]:
    """`keep_logs_days=30`, `max_gpu_hours=none`, `name=vision`."""
    values = {}
    for given in limits or ():
        name, separator, value = given.partition("=")
        if not separator:
            raise UnreadableInput(f"{given!r} is not of the form NAME=VALUE")
        values[name] = value if name == "name" else _number(value)
    return values


def _number(value: str) -> Any:
    try:
        return None if value == "none" else json.loads(value)
    except ValueError:
        return value  # the service says what is wrong with it


def _num_running(told: dict[str, Any], worker: str) -> int:
    return sum(one["num_running_jobs"] for one in told["workers"] if worker in {EVERY_WORKER, one["name"]})


def _standings(told: dict[str, Any]) -> Table:
    rows = [one | {"takes jobs": "no, drained" if one["is_drained"] else "yes"} for one in told["workers"]]
    return _rows(rows, "name", "takes jobs", "num_running_jobs")


def _rows(found: Iterable[dict[str, Any]], *columns: str) -> Table:
    table = Table(*(name.replace("_", " ") for name in columns), box=None, pad_edge=False)
    for one in found:
        table.add_row(*("" if one[name] is None else escape(str(one[name])) for name in columns))
    return table


def _facts(one: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in one.items():
        table.add_row(name, "none" if value is None else escape(str(value)))
    return table


def _tell(result: Any, words: str | Table, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(to_jsonable_python(result), ensure_ascii=False))
    elif isinstance(words, str):
        typer.echo(words)
    else:
        stdout().print(words)
