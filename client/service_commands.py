"""Commands about a service: models, workers, usage, health; projects and keys, for operators."""

from typing import Annotated, Any

import typer

from client import tables
from client.command_line import FAILED, AsJson, tell

app = typer.Typer()
projects = typer.Typer(no_args_is_help=True, help="Who owns jobs and files, and what they may use. For operators.")
keys = typer.Typer(no_args_is_help=True, help="Who may use the service. For operators.")
app.add_typer(projects, name="projects")
app.add_typer(keys, name="keys")

_NO_LIMIT = "none"
Name = Annotated[str, typer.Argument(help="Its name")]
Share = Annotated[int | None, typer.Option(min=1, help="Of the slots, beside other projects with jobs waiting")]
Limit = Annotated[str | None, typer.Option(help="At most; `none` is without limit")]


@app.command()
def models(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the base models that jobs may start from."""
    with ctx.obj() as tuneyard:
        found = tuneyard.models.list()
    tell(found, tables.models(found), as_json=as_json)


@app.command()
def workers(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show who carries out jobs, with slots, memory and GPUs."""
    with ctx.obj() as tuneyard:
        found = tuneyard.workers.list()
    none = "No worker was seen in the last half minute: jobs wait until one starts"
    tell(found, tables.workers(found) if found else none, as_json=as_json)


@app.command()
def usage(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show what the key's project has and has used, beside its limits."""
    with ctx.obj() as tuneyard:
        found = tuneyard.usage.retrieve()
    tell(found, tables.usage(found), as_json=as_json)


@app.command()
def health(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Tell whether the service can take and carry out jobs; exits with 1 if it cannot."""
    with ctx.obj() as tuneyard:
        found = tuneyard.health.is_ready()
    is_ready = found.database and found.storage
    words = "ready" if is_ready else "not ready: its database or its storage does not answer; its log says more"
    tell(found, f"The service is {words}; {found.num_workers} worker(s)", as_json=as_json)
    raise typer.Exit(0 if is_ready else FAILED)


@projects.command("list")
def list_projects(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show every project with its limits."""
    with ctx.obj() as tuneyard:
        found = tuneyard.projects.list()
    tell(found, tables.projects(found), as_json=as_json)


@projects.command("show")
def show_project(ctx: typer.Context, project_id: str, *, as_json: AsJson = False) -> None:
    """Show one project."""
    with ctx.obj() as tuneyard:
        found = tuneyard.projects.retrieve(project_id)
    tell(found, tables.projects([found]), as_json=as_json)


@projects.command("create")
def create_project(
    ctx: typer.Context,
    name: Name,
    *,
    share: Share = None,
    max_queued_jobs: Limit = None,
    max_running_jobs: Limit = None,
    max_gpu_hours: Limit = None,
    max_storage_bytes: Limit = None,
    max_upload_bytes: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Make a project; its keys are made with `tuneyard keys create`."""
    limits = _limits(
        share=share,
        max_queued_jobs=max_queued_jobs,
        max_running_jobs=max_running_jobs,
        max_gpu_hours=max_gpu_hours,
        max_storage_bytes=max_storage_bytes,
        max_upload_bytes=max_upload_bytes,
    )
    with ctx.obj() as tuneyard:
        found = tuneyard.projects.create(name, **limits)
    tell(found, f"{found.id}; make a key: tuneyard keys create NAME --project {found.id}", as_json=as_json)


@projects.command("update")
def update_project(
    ctx: typer.Context,
    project_id: str,
    *,
    name: Annotated[str | None, typer.Option(help="A new name")] = None,
    share: Share = None,
    max_queued_jobs: Limit = None,
    max_running_jobs: Limit = None,
    max_gpu_hours: Limit = None,
    max_storage_bytes: Limit = None,
    max_upload_bytes: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Rename a project, or give it other limits; what is left out stays."""
    changes = _limits(
        share=share,
        max_queued_jobs=max_queued_jobs,
        max_running_jobs=max_running_jobs,
        max_gpu_hours=max_gpu_hours,
        max_storage_bytes=max_storage_bytes,
        max_upload_bytes=max_upload_bytes,
    ) | ({} if name is None else {"name": name})
    with ctx.obj() as tuneyard:
        found = tuneyard.projects.update(project_id, changes)
    tell(found, tables.projects([found]), as_json=as_json)


@keys.command("list")
def list_keys(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show every key, without its secret."""
    with ctx.obj() as tuneyard:
        found = tuneyard.keys.list()
    tell(found, tables.keys(found), as_json=as_json)


@keys.command("create")
def create_key(
    ctx: typer.Context,
    name: Name,
    *,
    project: Annotated[str | None, typer.Option(help="Whose it is; the first project's if not given")] = None,
    scope: Annotated[str | None, typer.Option(help="read, submit or admin; submit if not given")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="How long it is valid; always if not given")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it: it is told this once."""
    seconds = None if days is None else days * 86_400
    with ctx.obj() as tuneyard:
        made = tuneyard.keys.create(name, scope=scope, project_id=project, expires_in_seconds=seconds)
    tell(made, made.key, as_json=as_json)


@keys.command("revoke")
def revoke_key(ctx: typer.Context, key_id: str, *, as_json: AsJson = False) -> None:
    """Have a key open nothing from now on."""
    with ctx.obj() as tuneyard:
        found = tuneyard.keys.revoke(key_id)
    tell(found, f"{found.id} is revoked", as_json=as_json)


def _limits(**given: int | str | None) -> dict[str, Any]:
    return {name: _number(name, value) for name, value in given.items() if value is not None}


def _number(name: str, value: int | str) -> float | None:
    if value == _NO_LIMIT:
        return None
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError as error:
        option = f"--{name.replace('_', '-')}"
        raise typer.BadParameter(f"{value!r} is neither a number nor `none`", param_hint=option) from error
