"""The `tuneyard` command: each verb a few lines around the Python client, in the module of its noun."""

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from client import (
    admin,
    file_commands,
    integration_commands,
    job_commands,
    job_record_commands,
    opening,
    service_commands,
    sweep_commands,
)
from client import up as service
from client.assignments import split
from client.command_line import Commands
from client.deployment import Deployment
from client.doctor import doctor
from client.endpoint import default_data_dir, find_service
from client.sync.tuneyard import Tuneyard

app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_show_locals=False)


@app.callback()
def connect(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Option(envvar="TUNEYARD_URL", help="Where the service answers")] = None,
    api_key: Annotated[
        str | None, typer.Option(envvar="TUNEYARD_API_KEY", help="A key of it; one of this machine has its own")
    ] = None,
) -> None:
    """Fine-tune Hugging Face image-text-to-text models as jobs of a service of your own."""
    ctx.obj = partial(Tuneyard, url, api_key=api_key)


@app.command()
def up(
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one")] = 8000,
    data_dir: Annotated[
        Path | None, typer.Option(envvar="TUNEYARD_DATA_DIR", help="Folder for all data; ~/.tuneyard if not given")
    ] = None,
    slots: Annotated[int | None, typer.Option(min=1, help="Jobs that run at the same time")] = None,
    model: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FOLDER", help="Offer a model's folder as a base model; repeatable")
    ] = None,
    *,
    is_shown: Annotated[bool, typer.Option("--open", help="Show it in a browser once it is ready")] = False,
) -> None:
    """Run the service on this machine until Ctrl-C."""
    models = {name: Path(folder) for name, folder in (split(one, "NAME=FOLDER") for one in model or ())}
    deployment = Deployment((data_dir or default_data_dir()).resolve(), num_slots=slots, models=models)
    service.run(deployment, host, port, _say, is_shown=is_shown)


@app.command("open")
def open_dashboard(
    ctx: typer.Context,
    *,
    link: Annotated[bool, typer.Option("--link", help="Print the link instead; it holds the key")] = False,
) -> None:
    """Show the dashboard in a browser, signed in."""
    given = ctx.find_root().params
    found = opening.link_of(*find_service(given["url"], api_key=given["api_key"]))
    if link or not opening.show(found):
        typer.echo(found)


app.command()(doctor)
app.add_typer(admin.app, name="admin")


def _add(commands: typer.Typer, title: str) -> None:
    """Add a module's commands, below a title of their own in the help."""
    for command in commands.registered_commands:
        command.rich_help_panel = title
    for group in commands.registered_groups:
        group.rich_help_panel = title
    app.add_typer(commands)


_add(file_commands.app, "Rows and images")
_add(job_commands.app, "Jobs")
_add(job_record_commands.app, "What a job tells and leaves")
app.add_typer(sweep_commands.app, name="sweep", rich_help_panel="Jobs")
app.add_typer(integration_commands.app, name="integrations", rich_help_panel="What a job tells and leaves")
_add(service_commands.app, "What the service has")


def _say(words: str) -> None:
    with suppress(OSError):  # a terminal that was closed, or a pipe, must not keep the service from stopping in order
        typer.echo(words)
