"""Commands about jobs: what would become of one, submit, look, ask something of it."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Annotated, Any

import typer

from client import tables, transfers
from client.assignments import split
from client.command_line import FAILED, INTERRUPTED, AsJson, JobId, SpecFile, tell
from client.printing import job_details, stderr, stdout
from client.reporting import Part, print_report
from client.specs import read_spec, with_uploads
from client.sync.tuneyard import Tuneyard
from client.views import Job, Report
from client.watching import CURVE_POINTS, show_to_end

app = typer.Typer()


@app.command()
def validate(ctx: typer.Context, spec: SpecFile, *, as_json: AsJson = False) -> None:
    """Tell whether a job would run, what its rows hold and what it takes; exits with 1 if it would fail."""
    _report(ctx, spec, "all", as_json=as_json)


@app.command()
def estimate(ctx: typer.Context, spec: SpecFile, *, as_json: AsJson = False) -> None:
    """Tell what a job would take: steps, memory, disk, time; exits with 1 if it would fail."""
    _report(ctx, spec, "estimate", as_json=as_json)


@app.command()
def preview(ctx: typer.Context, spec: SpecFile, *, as_json: AsJson = False) -> None:
    """Show a job's first rows as the model will read them, green what is trained on; exits with 1 if it would fail."""
    _report(ctx, spec, "preview", as_json=as_json)


@app.command()
def submit(
    ctx: typer.Context,
    spec: SpecFile,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Validate it first, and submit it only if it would run")
    ] = False,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Name of this submission: submitting again under it gives the same job")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Queue a job; a dataset that names a local file is uploaded first."""
    asked = read_spec(spec)
    with ctx.obj() as tuneyard:
        uploaded = _uploaded(tuneyard, asked)
        if check:
            report = tuneyard.jobs.validate(uploaded)
            print_report(report, stderr())
            if not report.is_valid:
                raise typer.Exit(FAILED)
        job = tuneyard.jobs.create(uploaded, idempotency_key=idempotency_key)
    tell(job, f"{job.id} is {job.status}; follow it: tuneyard watch {job.id}", as_json=as_json)


@app.command()
def watch(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Follow a job to its end, with its curves; exits with 0 if it succeeds, else with 1. Ctrl-C leaves it running."""
    try:
        with ctx.obj() as tuneyard:
            changes = tuneyard.jobs.watch(job_id)
            curves = partial(tuneyard.jobs.metrics, job_id, max_points=CURVE_POINTS)
            job = _echo_each(changes) if as_json else show_to_end(changes, stdout(), curves)
    except KeyboardInterrupt:
        stderr().print(f"{job_id} goes on; follow it again: tuneyard watch {job_id}; end it: tuneyard cancel {job_id}")
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(0 if job.has_succeeded else FAILED)


@app.command("list")
def list_jobs(
    ctx: typer.Context,
    status: Annotated[
        list[str] | None, typer.Option(help="Only jobs that are queued, running, succeeded, …; repeatable")
    ] = None,
    base_model: Annotated[str | None, typer.Option(help="Only jobs that train this")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Only jobs with this pair; repeatable")
    ] = None,
    search: Annotated[str | None, typer.Option(help="Only jobs whose id, base model or suffix holds this")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Only so many, the newest")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show every job, newest first."""
    pairs = dict(map(split, metadata or ()))
    with ctx.obj() as tuneyard:
        found = tuneyard.jobs.list(status=status, base_model=base_model, metadata=pairs, search=search)
        jobs = list(islice(found, limit))
    tell(jobs, tables.jobs(jobs), as_json=as_json)


@app.command()
def counts(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show how many jobs there are of each status."""
    with ctx.obj() as tuneyard:
        found = tuneyard.jobs.counts()
    tell(found, tables.facts((status, str(number)) for status, number in found.model_dump().items()), as_json=as_json)


@app.command()
def show(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Show one job and what happened to it."""
    with ctx.obj() as tuneyard:
        job, events = tuneyard.jobs.retrieve(job_id), tuple(tuneyard.jobs.events(job_id))
    tell(job, job_details(job, events), as_json=as_json)


@app.command()
def cancel(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """End a job: at once if it waits, within seconds if it runs."""
    with ctx.obj() as tuneyard:
        job = tuneyard.jobs.cancel(job_id)
    tell(job, f"{job.id} is {'cancelled' if job.has_ended else 'being cancelled'}", as_json=as_json)


@app.command()
def pause(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Let a job wait; a running one saves a checkpoint and frees its GPU first."""
    with ctx.obj() as tuneyard:
        job = tuneyard.jobs.pause(job_id)
    tell(job, f"{job.id} is {'paused' if job.status == 'paused' else 'being paused'}", as_json=as_json)


@app.command()
def resume(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Queue a paused job; it goes on from its last checkpoint."""
    with ctx.obj() as tuneyard:
        job = tuneyard.jobs.resume(job_id)
    tell(job, f"{job.id} is {job.status}", as_json=as_json)


@app.command()
def retry(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Queue a failed or cancelled job again; it goes on from its last checkpoint."""
    with ctx.obj() as tuneyard:
        job = tuneyard.jobs.retry(job_id)
    tell(job, f"{job.id} is {job.status}", as_json=as_json)


@app.command("stop-and-save")
def stop_and_save(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """End a job's training after its current step; what it has learned is its artifact."""
    with ctx.obj() as tuneyard:
        job = tuneyard.jobs.stop_and_save(job_id)
    tell(job, f"{job.id} stops and saves; follow it: tuneyard watch {job.id}", as_json=as_json)


@app.command()
def report(ctx: typer.Context, job_id: JobId, *, as_json: AsJson = False) -> None:
    """Show what was found out about a job before it was queued, or why it was not."""
    with ctx.obj() as tuneyard:
        _print(tuneyard.jobs.report(job_id), "all", as_json=as_json)


def _report(ctx: typer.Context, spec: str, part: Part, *, as_json: bool) -> None:
    asked = read_spec(spec)
    with ctx.obj() as tuneyard:
        found = tuneyard.jobs.validate(_uploaded(tuneyard, asked))
    _print(found, part, as_json=as_json)
    raise typer.Exit(0 if found.is_valid else FAILED)


def _print(report: Report, part: Part, *, as_json: bool) -> None:
    if as_json:
        typer.echo(report.model_dump_json())
    else:
        print_report(report, stdout(), part)


def _uploaded(tuneyard: Tuneyard, spec: dict[str, Any]) -> dict[str, Any]:
    return with_uploads(spec, lambda path: transfers.dataset_of(tuneyard, path).id)


def _echo_each(changes: Iterator[Job]) -> Job:
    for job in changes:
        typer.echo(job.model_dump_json())
    return job
