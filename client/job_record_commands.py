"""Commands about what a job tells and leaves: events, log, numbers, answers, checkpoints, files."""

from pathlib import Path
from typing import Annotated

import typer

from client import completion, tables, transfers
from client.command_line import AsJson, JobId, tell, tell_each
from client.printing import moment
from client.views import Event, LogLine

app = typer.Typer()
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended")]


@app.command()
def events(ctx: typer.Context, job_id: JobId, *, follow: Follow = False, as_json: AsJson = False) -> None:
    """Print what happened to a job, oldest first."""
    with ctx.obj() as tuneyard:
        tell_each(tuneyard.jobs.events(job_id, follow=follow), _event, as_json=as_json)


@app.command()
def logs(
    ctx: typer.Context,
    job_id: JobId,
    *,
    last: Annotated[
        int | None, typer.Option("--last", "-n", min=1, max=1000, help="Of what is past only so many lines, the newest")
    ] = None,
    follow: Follow = False,
    as_json: AsJson = False,
) -> None:
    """Print what a job's trainer wrote."""
    with ctx.obj() as tuneyard:
        tell_each(tuneyard.jobs.logs(job_id, last=last, follow=follow), _line, as_json=as_json)


@app.command()
def metrics(
    ctx: typer.Context,
    job_id: JobId,
    name: Annotated[str | None, typer.Option(help="Only this series, `loss` say")] = None,
    from_step: Annotated[int | None, typer.Option(min=0, help="No steps before this one")] = None,
    to_step: Annotated[int | None, typer.Option(min=0, help="No steps behind this one")] = None,
    max_points: Annotated[int | None, typer.Option(min=4, help="Thin longer series, extremes kept")] = None,
    *,
    times: Annotated[bool, typer.Option("--times", help="With --json, when each point was written as well")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a job's numbers: where each began, where it stands; with --json every point."""
    with ctx.obj() as tuneyard:
        found = tuneyard.jobs.metrics(
            job_id, name, from_step=from_step, to_step=to_step, max_points=max_points, times=times
        )
    tell(found, tables.series(found) if found else f"{job_id} has told no such numbers yet", as_json=as_json)


@app.command()
def compare(
    ctx: typer.Context,
    job_ids: Annotated[
        list[str], typer.Argument(metavar="JOB…", help="Ids of jobs, at most 20", autocompletion=completion.job_ids)
    ],
    name: Annotated[list[str] | None, typer.Option(help="Only this series; repeatable")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the numbers of several jobs, the same ones below each other; with --json up to 1000 points of each."""
    with ctx.obj() as tuneyard:
        found = tuneyard.jobs.compare(job_ids, name or ())
    tell(found, tables.comparison(found) if found else "These jobs have told no such numbers yet", as_json=as_json)


@app.command()
def checkpoints(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Show the states that a job can go on from, newest first."""
    with ctx.obj() as tuneyard:
        found = tuneyard.jobs.checkpoints(job_id)
    tell(found, tables.checkpoints(found) if found else f"{job_id} has saved none yet", as_json=as_json)


@app.command()
def timeline(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Show where a job has been and for how long: waiting, in a phase of an attempt, or paused."""
    with ctx.obj() as tuneyard:
        found = tuneyard.jobs.timeline(job_id)
    tell(found, tables.timeline(found), as_json=as_json)


@app.command()
def samples(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Show what the model answered to held-out rows, evaluation by evaluation."""
    with ctx.obj() as tuneyard:
        found = list(tuneyard.jobs.samples(job_id))
    none = f"{job_id} has answered nothing yet; jobs answer whose spec has evaluation.generation"
    tell(found, tables.samples(found) if found else none, as_json=as_json)


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
    tell(artifact, str(folder), as_json=as_json)


@app.command()
def archive(
    ctx: typer.Context,
    job_id: JobId,
    output: Annotated[Path | None, typer.Option(help="The file; by default one named like the job")] = None,
    step: Annotated[int | None, typer.Option(min=0, help="The checkpoint of this step instead")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Download what a job left, or a checkpoint of it, as one tar file."""
    path = output or Path(f"{job_id}.tar" if step is None else f"{job_id}-step-{step}.tar")
    with ctx.obj() as tuneyard, transfers.bar(f"downloading {job_id}", None) as on_bytes:
        if step is None:
            tuneyard.jobs.archive(job_id, path, on_bytes)
        else:
            tuneyard.jobs.archive_checkpoint(job_id, step, path, on_bytes)
        job = tuneyard.jobs.retrieve(job_id)
    tell(job, str(path), as_json=as_json)


def _event(event: Event) -> str:
    return f"{moment(event.created_at)}  {event.message}"


def _line(line: LogLine) -> str:
    return line.line
