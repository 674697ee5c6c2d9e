"""Commands about a service: models, workers, usage, health."""

import typer

from client import tables
from client.command_line import FAILED, AsJson, tell

app = typer.Typer()


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
