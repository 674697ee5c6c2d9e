"""`tuneyard admin`: what whoever runs a service does with it."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from client import admin_records, tables
from client.assignments import split, value_of
from client.command_line import AsJson, tell
from client.endpoint import default_data_dir
from client.operation_views import EVERY_WORKER, DrainList
from client.printing import print_table, size
from client.tenant_views import Project

_LOOK_SECONDS = 1.0
_DAY_SECONDS = 86_400

app = typer.Typer(no_args_is_help=True, help="Run a service: keys, projects, workers, storage and records")
keys = typer.Typer(no_args_is_help=True, help="Who may use the service")
projects = typer.Typer(no_args_is_help=True, help="Who owns jobs and files, what they may use, how long it is kept")
app.add_typer(keys, name="keys")
app.add_typer(projects, name="projects")

ProjectId = Annotated[str, typer.Argument(metavar="PROJECT", help="Id of a project: proj_…")]
Assignments = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME=VALUE]…", help="Limits: max_running_jobs=2 keep_logs_days=30 …")
]
WorkerName = Annotated[str, typer.Argument(metavar="[WORKER]", help="Name of a worker; all of them if not given")]
DataDir = Annotated[Path | None, typer.Option(envvar="TUNEYARD_DATA_DIR", help="Data folder of `tuneyard up`")]


@keys.command("list")
def list_keys(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show every key without its secret, revoked ones too."""
    with ctx.obj() as tuneyard:
        found = tuneyard.keys.list()
    tell(found, tables.keys(found), as_json=as_json)


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
    with ctx.obj() as tuneyard:
        made = tuneyard.keys.create(name, scope=scope, project_id=project, expires_in_seconds=seconds)
    tell(made, made.key, as_json=as_json)


@keys.command("revoke")
def revoke_key(
    ctx: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="Its id")],
    *,
    as_json: AsJson = False,
) -> None:
    """Have a key open nothing from now on."""
    with ctx.obj() as tuneyard:
        revoked = tuneyard.keys.revoke(key_id)
    tell(revoked, f"{revoked.id} ({revoked.name}) opens nothing any more", as_json=as_json)


@projects.command("list")
def list_projects(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show every project."""
    with ctx.obj() as tuneyard:
        found = tuneyard.projects.list()
    tell(found, tables.projects(found), as_json=as_json)


@projects.command("show")
def show_project(ctx: typer.Context, project_id: ProjectId, *, as_json: AsJson = False) -> None:
    """Show a project and all its limits."""
    with ctx.obj() as tuneyard:
        _tell_project(tuneyard.projects.retrieve(project_id), as_json=as_json)


@projects.command("create")
def create_project(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is called")],
    limits: Assignments = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a project; its keys are made with `tuneyard admin keys create --project`."""
    with ctx.obj() as tuneyard:
        made = tuneyard.projects.create(**{"name": name, **_assigned(limits)})
    tell(made, made.id, as_json=as_json)


@projects.command("set")
def set_limits(
    ctx: typer.Context, project_id: ProjectId, limits: Assignments = None, *, as_json: AsJson = False
) -> None:
    """Change a project's name or limits: max_gpu_hours=100, keep_artifacts_days=90; =none takes a limit away."""
    with ctx.obj() as tuneyard:
        _tell_project(tuneyard.projects.update(project_id, _assigned(limits)), as_json=as_json)


@app.command()
def usage(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show what each project has and has used in the last 30 days."""
    with ctx.obj() as tuneyard:
        found = [tuneyard.usage.retrieve(project.id) for project in tuneyard.projects.list()]
    tell(found, tables.usages(found), as_json=as_json)


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
    with ctx.obj() as tuneyard:
        told = tuneyard.drains.create(worker, gives_back=give_back)
        while wait and _num_running(told, worker):
            time.sleep(_LOOK_SECONDS)
            told = tuneyard.drains.list()
    tell(told, tables.standings(told.workers), as_json=as_json)


@app.command()
def resume(ctx: typer.Context, worker: WorkerName = EVERY_WORKER) -> None:
    """Have drained workers take jobs again."""
    with ctx.obj() as tuneyard:
        tuneyard.drains.delete(worker)
    typer.echo("All workers take jobs again" if worker == EVERY_WORKER else f"{worker} takes jobs again")


@app.command()
def workers(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show each worker, whether it is drained, and how many jobs run there."""
    with ctx.obj() as tuneyard:
        told = tuneyard.drains.list()
    tell(told, tables.standings(told.workers), as_json=as_json)


@app.command()
def gc(
    ctx: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be deleted, and delete nothing")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete from the storage what nothing needs: orphans, what has expired, what projects keep no longer."""
    with ctx.obj() as tuneyard:
        answers = [tuneyard.garbage.find() if dry_run else tuneyard.garbage.collect()]
        while answers[-1].has_more and not dry_run:
            answers.append(tuneyard.garbage.collect())
    found = [one for answer in answers for one in answer.data]
    if not as_json and found:
        print_table(tables.garbage(found))
    total = size(sum(one.num_bytes for one in found))
    more = ", and more" if dry_run and answers[-1].has_more else ""
    words = f"{len(found)} things{more}, {total} {'could be deleted' if dry_run else 'were deleted'}"
    tell(found, words, as_json=as_json)


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


def _folder(data_dir: Path | None) -> Path:
    return (data_dir or default_data_dir()).resolve()


def _assigned(limits: Iterable[str] | None) -> dict[str, Any]:
    """`keep_logs_days=30`, `max_gpu_hours=none`, `name=vision`."""
    given = dict(map(split, limits or ()))
    return {name: value if name == "name" else _limit(value) for name, value in given.items()}


def _limit(value: str) -> Any:
    return None if value == "none" else value_of(value)


def _num_running(told: DrainList, worker: str) -> int:
    return sum(one.num_running_jobs for one in told.workers if worker in {EVERY_WORKER, one.name})


def _tell_project(project: Project, *, as_json: bool) -> None:
    told = project.model_dump(mode="json")
    rows = ((name, "none" if value is None else str(value)) for name, value in told.items())
    tell(project, tables.facts(rows), as_json=as_json)
