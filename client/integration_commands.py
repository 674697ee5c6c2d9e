"""Commands about whom a job is told to: trackers and the Hugging Face hub."""

from typing import Annotated

import typer

from client import tables
from client.command_line import AsJson, JobId, tell

app = typer.Typer(no_args_is_help=True, help="Trackers that are told of a job, and the hub.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="tensorboard, mlflow, wandb or hub")]


@app.command("list")
def list_integrations(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Show which trackers are told of a job, and the hub: where it is to be seen, or what is wrong."""
    with ctx.obj() as tuneyard:
        found = tuneyard.jobs.integrations(job_id)
    tell(found, tables.integrations(found) if found else f"{job_id} is told to nobody else", as_json=as_json)


@app.command()
def retry(ctx: typer.Context, job_id: JobId, name: Name, *, as_json: AsJson = False) -> None:
    """Tell a job at once to one that was given up; if it still takes nothing, it is tried for three days."""
    with ctx.obj() as tuneyard:
        found = tuneyard.jobs.retry_integration(job_id, name)
    tell(found, f"{found.name} is told of {job_id} again", as_json=as_json)
