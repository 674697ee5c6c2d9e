"""The `tuneyard` command: each verb a few lines around the Python client."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from rich.table import Table
from typer.core import TyperGroup

from client import admin, transfers
from client import up as service
from client.deployment import Deployment
from client.doctor import doctor
from client.endpoint import default_data_dir
from client.errors import TuneyardError, UnreadableInput
from client.printing import job_details, job_table, print_error, stderr, stdout
from client.reporting import print_report
from client.specs import read_spec, with_uploads
from client.tuneyard import Tuneyard
from client.views import Job
from client.watching import show_to_end

_FAILED = 1
_USAGE = 2
_INTERRUPTED = 130


class Commands(TyperGroup):
    """Tells an expected failure in one block; exits with 2 where what the user gave cannot be used, else with 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except TuneyardError as error:
            print_error(error)
            raise typer.Exit(_USAGE if isinstance(error, UnreadableInput) else _FAILED) from error


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_show_locals=False)

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of a job: ftjob-…")]
SpecFile = Annotated[str, typer.Argument(help="JSON file with the spec of a job, or - for stdin")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]


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


app.command()(doctor)
app.add_typer(admin.app, name="admin")


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
) -> None:
    """Run the service on this machine until Ctrl-C."""
    models = dict(_named_folder(one) for one in model or ())
    deployment = Deployment((data_dir or default_data_dir()).resolve(), num_slots=slots, models=models)
    service.run(deployment, host, port, _say)


@app.command()
def upload(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="JSONL, JSON, Parquet, WebDataset, or a zip of one")
    ],
    images: Annotated[
        str | None, typer.Option(help="Images that the rows name: a zip, a folder, or the id of uploaded ones")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Upload a dataset; every row is checked before it is taken."""
    with ctx.obj() as tuneyard:
        dataset = transfers.upload(tuneyard, file, images)
    _tell(dataset, f"{dataset.id}  {dataset.num_rows} rows, {dataset.num_images} images", as_json=as_json)


@app.command()
def validate(
    ctx: typer.Context,
    spec: SpecFile,
    *,
    as_json: AsJson = False,
) -> None:
    """Tell whether a job would run, what its rows hold and what it takes; exits with 1 if it would fail."""
    asked = read_spec(spec)
    with ctx.obj() as tuneyard:
        report = tuneyard.validate(_uploaded(tuneyard, asked))
    if as_json:
        typer.echo(report.model_dump_json())
    else:
        print_report(report, stdout())
    raise typer.Exit(0 if report.is_valid else _FAILED)


@app.command()
def submit(
    ctx: typer.Context,
    spec: SpecFile,
    *,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Name of this submission: submitting again under it gives the same job")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Queue a job; a dataset that names a local file is uploaded first."""
    asked = read_spec(spec)
    with ctx.obj() as tuneyard:
        job = tuneyard.submit(_uploaded(tuneyard, asked), idempotency_key=idempotency_key)
    _tell(job, f"{job.id} is {job.status}; follow it: tuneyard watch {job.id}", as_json=as_json)


@app.command()
def watch(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Follow a job to its end; exits with 0 if it succeeds, else with 1. Ctrl-C leaves the job running."""
    try:
        with ctx.obj() as tuneyard:
            changes = tuneyard.watch(job_id)
            job = _echo_each(changes) if as_json else show_to_end(changes, stdout())
    except KeyboardInterrupt:
        stderr().print(f"{job_id} goes on; follow it again: tuneyard watch {job_id}; end it: tuneyard cancel {job_id}")
        raise typer.Exit(_INTERRUPTED) from None
    raise typer.Exit(0 if job.has_succeeded else _FAILED)


@app.command("list")
def list_jobs(
    ctx: typer.Context,
    status: Annotated[str | None, typer.Option(help="Only jobs that are queued, running, succeeded, …")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show every job, newest first."""
    with ctx.obj() as tuneyard:
        jobs = list(tuneyard.jobs(status=status))
    _tell(jobs, job_table(jobs), as_json=as_json)


@app.command()
def show(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Show one job and what happened to it."""
    with ctx.obj() as tuneyard:
        job, events = tuneyard.job(job_id), tuple(tuneyard.events(job_id))
    _tell(job, job_details(job, events), as_json=as_json)


@app.command()
def cancel(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """End a job: at once if it waits, within seconds if it runs."""
    with ctx.obj() as tuneyard:
        job = tuneyard.cancel(job_id)
    _tell(job, f"{job.id} is {'cancelled' if job.has_ended else 'being cancelled'}", as_json=as_json)


@app.command()
def pause(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Let a job wait; a running one saves a checkpoint and frees its GPU first."""
    with ctx.obj() as tuneyard:
        job = tuneyard.pause(job_id)
    _tell(job, f"{job.id} is {'paused' if job.status == 'paused' else 'being paused'}", as_json=as_json)


@app.command()
def resume(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Queue a paused job; it goes on from its last checkpoint."""
    with ctx.obj() as tuneyard:
        job = tuneyard.resume(job_id)
    _tell(job, f"{job.id} is {job.status}", as_json=as_json)


@app.command()
def retry(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Queue a failed or cancelled job again; it goes on from its last checkpoint."""
    with ctx.obj() as tuneyard:
        job = tuneyard.retry(job_id)
    _tell(job, f"{job.id} is {job.status}", as_json=as_json)


@app.command("stop-and-save")
def stop_and_save(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """End a job's training after its current step; what it has learned is its artifact."""
    with ctx.obj() as tuneyard:
        job = tuneyard.stop_and_save(job_id)
    _tell(job, f"{job.id} stops and saves; follow it: tuneyard watch {job.id}", as_json=as_json)


@app.command()
def download(
    ctx: typer.Context,
    job_id: JobId,
    output: Annotated[Path | None, typer.Option(help="Folder for the files; by default one named like the job")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Download what a job left, every file verified; a download that broke off goes on where it was."""
    folder = output or Path(job_id)
    with ctx.obj() as tuneyard:
        artifact = transfers.download(tuneyard, job_id, folder)
    _tell(artifact, str(folder), as_json=as_json)


@app.command()
def logs(
    ctx: typer.Context,
    job_id: JobId,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended")] = False,
) -> None:
    """Print what a job's trainer wrote."""
    with ctx.obj() as tuneyard:
        for line in tuneyard.follow_logs(job_id) if follow else tuneyard.logs(job_id):
            typer.echo(line.line)


def _uploaded(tuneyard: Tuneyard, spec: dict[str, Any]) -> dict[str, Any]:
    return with_uploads(spec, lambda path: transfers.upload(tuneyard, path).id)


def _say(words: str) -> None:
    with suppress(OSError):  # a terminal that was closed, or a pipe, must not keep the service from stopping in order
        typer.echo(words)


def _named_folder(given: str) -> tuple[str, Path]:
    name, separator, folder = given.partition("=")
    if not (name and separator and folder):
        raise typer.BadParameter(f"{given!r} is not of the form NAME=FOLDER", param_hint="--model")
    return name, Path(folder)


def _tell(result: BaseModel | Sequence[BaseModel], words: str | Table, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(to_jsonable_python(result), ensure_ascii=False))
    elif isinstance(words, str):
        typer.echo(words)
    else:
        stdout().print(words)


def _echo_each(changes: Iterator[Job]) -> Job:
    for job in changes:
        typer.echo(job.model_dump_json())
    return job
