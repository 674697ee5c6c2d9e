"""`tuneyard sweep`: submit a sweep or go on with it, look at it, end it."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from typer.core import TyperGroup

from client import tables, transfers
from client.command_line import FAILED, INTERRUPTED, AsJson, SpecFile
from client.errors import ApiError, SweepNotFound, UnreadableInput
from client.printing import print_table, stderr, stdout, word
from client.specs import DATASETS, read_spec, with_uploads
from client.sweep_checking import Checked, remarks, report_on, table
from client.sweeping import (
    Axis,
    Goal,
    Values,
    at_point,
    checked_name,
    differences,
    drawn,
    grid,
    is_at,
    marked,
    name_of,
    numbers,
)
from client.sync.tuneyard import Tuneyard
from client.views import Job
from client.watching import CURVE_POINTS, state
from trainer_core.contract.spec import SWEEP

_LOOK_SECONDS = 2.0
_PATIENCE_SECONDS = 60.0
"""How long the service may be away while a sweep is followed."""


class _RunUnlessNamed(TyperGroup):
    """`sweep SPEC` is `sweep run SPEC`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_RunUnlessNamed, no_args_is_help=True, help="Train one spec at many points of its fields.")
SweepId = Annotated[str, typer.Argument(metavar="SWEEP", help="Id of a sweep: sweep-…")]


@app.command()
def run(
    ctx: typer.Context,
    spec: SpecFile,
    *,
    grid_: Annotated[
        list[str] | None,
        typer.Option("--grid", metavar="PATH=A,B,…", help="Try each value; repeated: each combination"),
    ] = None,
    random_: Annotated[int | None, typer.Option("--random", min=1, help="So many points by chance instead")] = None,
    uniform: Annotated[list[str] | None, typer.Option(metavar="PATH=LOW:HIGH", help="Drawn evenly")] = None,
    log_uniform: Annotated[
        list[str] | None, typer.Option(metavar="PATH=LOW:HIGH", help="Drawn evenly by order of magnitude")
    ] = None,
    choice: Annotated[list[str] | None, typer.Option(metavar="PATH=A,B,…", help="Drawn from these")] = None,
    seed: Annotated[int, typer.Option(help="Other points for another seed")] = 0,
    name: Annotated[str | None, typer.Option(help="Id of the sweep; by default made from what it is")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Validate every point first, and submit them only if all would run")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Validate every point, and submit none")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Submit the jobs, and do not wait for them")] = False,
    as_json: AsJson = False,
) -> None:
    """Submit a job for each point and follow them all; exits with 0 if any succeeded.

    The same command again goes on with the same sweep: no point is trained twice.
    """
    asked = read_spec(spec)
    chosen = checked_name(name) if name else None
    points = _points(grid_ or (), random_, uniform or (), log_uniform or (), choice or (), seed)
    with ctx.obj(patience_seconds=_PATIENCE_SECONDS) as tuneyard:
        sweep_id = chosen or name_of(asked, points)
        there = _there(tuneyard, sweep_id, points)
        uploaded = _uploaded(tuneyard, asked, there)
        if check or dry_run:
            checked = _checked(tuneyard, uploaded, points)
            _tell_checked(checked, stdout() if dry_run else stderr(), as_json=as_json and dry_run)
            if dry_run or checked.num_failing:
                raise typer.Exit(FAILED if checked.num_failing else 0)
        jobs = _submitted(tuneyard, sweep_id, uploaded, points, there)
        stderr().print(f"{sweep_id}: {len(jobs)} jobs; see them: tuneyard sweep show {sweep_id}")
        if detach:
            _tell(tuneyard, sweep_id, jobs, as_json=as_json)
            return
        ended = _followed(tuneyard, sweep_id, jobs, is_quiet=as_json)
        _tell(tuneyard, sweep_id, ended, as_json=as_json)
    raise typer.Exit(0 if any(job.has_succeeded for job in ended) else FAILED)


@app.command()
def show(ctx: typer.Context, sweep_id: SweepId, *, as_json: AsJson = False) -> None:
    """Show the jobs of a sweep, the best one marked."""
    with ctx.obj() as tuneyard:
        _tell(tuneyard, sweep_id, _found(tuneyard, sweep_id), as_json=as_json)


@app.command()
def cancel(ctx: typer.Context, sweep_id: SweepId, *, as_json: AsJson = False) -> None:
    """End every job of a sweep that has not ended."""
    with ctx.obj() as tuneyard:
        for job in _found(tuneyard, sweep_id):
            if not job.has_ended:
                _cancel(tuneyard, job)
        _tell(tuneyard, sweep_id, _found(tuneyard, sweep_id), as_json=as_json)


def _cancel(tuneyard: Tuneyard, job: Job) -> None:
    try:
        tuneyard.jobs.cancel(job.id)
    except ApiError as error:
        if error.code != "job_already_ended":  # a moment ago
            raise


def _points(
    grids: Sequence[str],
    num_points: int | None,
    uniform: Sequence[str],
    log_uniform: Sequence[str],
    choice: Sequence[str],
    seed: int,
) -> list[Values]:
    if num_points is None:
        if not grids or uniform or log_uniform or choice:
            raise typer.BadParameter("give --grid PATH=A,B, or --random N with --uniform, --log-uniform or --choice")
        return grid([Axis.of_values(one) for one in grids])
    axes = [Axis.of_bounds(one, is_logarithmic=False) for one in uniform]
    axes += [Axis.of_bounds(one, is_logarithmic=True) for one in log_uniform]
    axes += [Axis.of_values(one) for one in choice]
    if grids or not axes:
        raise typer.BadParameter("--random N draws from --uniform, --log-uniform and --choice, and from no --grid")
    return drawn(axes, num_points, seed)


def _there(tuneyard: Tuneyard, sweep_id: str, points: Sequence[Values]) -> dict[int, Job]:
    """Children that were submitted before, by the number of their point."""
    there = numbers(tuneyard.jobs.list(metadata={SWEEP: sweep_id}))
    if not all(number < len(points) and is_at(job.spec, points[number]) for number, job in there.items()):
        raise UnreadableInput(f"{sweep_id} is another sweep, of other points; choose another --name")
    return there


def _uploaded(tuneyard: Tuneyard, asked: dict[str, Any], there: Mapping[int, Job]) -> dict[str, Any]:
    """The spec with ids in place of local files; those of a child that is there already are not uploaded again."""
    if not there:
        return with_uploads(asked, lambda path: transfers.dataset_of(tuneyard, path).id)
    known = next(iter(there.values())).spec
    return asked | {name: known[name] for name in DATASETS if name in asked}


def _checked(tuneyard: Tuneyard, spec: dict[str, Any], points: Sequence[Values]) -> Checked:
    reports = []
    with stderr().status("") as status:
        for number, point in enumerate(points, start=1):
            status.update(f"looking at point {number} of {len(points)}")
            reports.append(report_on(tuneyard, spec, point))
    return Checked(points, reports)


def _tell_checked(checked: Checked, console: Console, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(checked.told(), ensure_ascii=False))
        return
    print_table(table(checked), console)
    for line in remarks(checked):
        console.print(line, markup=False, soft_wrap=True)


def _submitted(
    tuneyard: Tuneyard, sweep_id: str, spec: dict[str, Any], points: Sequence[Values], there: Mapping[int, Job]
) -> list[Job]:
    """Every child; those that are there already are not submitted again."""
    jobs = dict(there)
    for number, values in enumerate(points):
        if number not in there:
            child = marked(at_point(spec, values), sweep_id, number)
            jobs[number] = tuneyard.jobs.create(child, idempotency_key=f"{sweep_id}/{number}")
    return [jobs[number] for number in sorted(jobs)]


def _found(tuneyard: Tuneyard, sweep_id: str) -> list[Job]:
    found = numbers(tuneyard.jobs.list(metadata={SWEEP: sweep_id}))
    if not found:
        raise SweepNotFound(sweep_id)
    return [found[number] for number in sorted(found)]


def _followed(tuneyard: Tuneyard, sweep_id: str, submitted: Sequence[Job], *, is_quiet: bool) -> Sequence[Job]:
    """The jobs once all have ended; a live table on a terminal, elsewhere a line for each that ends."""
    results = _Results(tuneyard)
    is_live = stdout().is_terminal and not is_quiet
    told = set[str]()
    try:
        with Live(console=stdout(), auto_refresh=False, transient=True) if is_live else nullcontext() as live:
            for jobs in _changes(tuneyard, sweep_id, submitted):
                if live:
                    live.update(_table(jobs, results.of(jobs)), refresh=True)
                    continue
                for job in jobs:
                    if job.has_ended and job.id not in told:
                        stderr().print(f"{job.id} {job.status}")
                        told.add(job.id)
    except KeyboardInterrupt:
        then = f"see it: tuneyard sweep show {sweep_id}; end it: tuneyard sweep cancel {sweep_id}"
        stderr().print(f"{sweep_id} goes on; {then}")
        raise typer.Exit(INTERRUPTED) from None
    return jobs


def _changes(tuneyard: Tuneyard, sweep_id: str, jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
    while True:
        yield jobs
        if all(job.has_ended for job in jobs):
            return
        time.sleep(_LOOK_SECONDS)
        jobs = _found(tuneyard, sweep_id)


class _Results:
    """What jobs have come to. A job is asked for it when it has come on."""

    def __init__(self, tuneyard: Tuneyard) -> None:
        self._tuneyard = tuneyard
        self._steps: dict[str, tuple[int, bool]] = {}
        self._values: dict[str, float] = {}

    def of(self, jobs: Iterable[Job]) -> dict[str, float]:
        """By the jobs' ids; of one that has measured nothing yet there is none."""
        for job in jobs:
            if job.progress is not None and self._steps.get(job.id) != (seen := (job.progress.step, job.has_ended)):
                self._read(job)
                self._steps[job.id] = seen
        return dict(self._values)

    def _read(self, job: Job) -> None:
        goal = Goal.of(job.spec)
        for series in self._tuneyard.jobs.metrics(job.id, goal.series, max_points=CURVE_POINTS):
            if (value := goal.value(series)) is not None:
                self._values[job.id] = value


def _tell(tuneyard: Tuneyard, sweep_id: str, jobs: Sequence[Job], *, as_json: bool) -> None:
    values = _Results(tuneyard).of(jobs)
    if not as_json:
        print_table(_table(jobs, values))
        return
    goal = Goal.of(jobs[0].spec)
    children = [
        {"id": job.id, "status": job.status, "values": point, "value": values.get(job.id)}
        for job, point in zip(jobs, differences(jobs), strict=True)
    ]
    told = {"sweep": sweep_id, "metric": goal.series, "best": goal.best(values), "jobs": children}
    typer.echo(json.dumps(told, ensure_ascii=False))


def _table(jobs: Sequence[Job], values: dict[str, float]) -> Table:
    goal = Goal.of(jobs[0].spec)
    points, best = differences(jobs), goal.best(values)
    rows = (
        (
            "★" if job.id == best else "",
            job.id,
            *map(word, point.values()),
            state(job),
            f"{job.progress.step}/{job.progress.total_steps}" if job.progress else "",
            f"{values[job.id]:.5g}" if job.id in values else "",
        )
        for job, point in zip(jobs, points, strict=True)
    )
    found = tables.table(("", "job", *points[0], "status", "step", goal.series), rows, (*points[0], "status"))
    for job, row in zip(jobs, found.rows, strict=True):
        row.style = "bold green" if job.id == best else None
    return found
