"""Jobs, files and errors as text for people."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from client.errors import TuneyardError
from client.views import Event, Job
from client.watching import numbers, state

_WIDTH_ELSEWHERE = 160
"""Columns where stdout is no terminal: wide enough that no id is cut."""


def stdout() -> Console:
    """Where results go."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH_ELSEWHERE)
    return console


def stderr() -> Console:
    """Where errors, progress and remarks go, so that stdout holds results only."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_table(table: Table, console: Console | None = None) -> None:
    """Print a table whole: where the terminal is too narrow for it, the terminal breaks its lines."""
    console = console or stdout()
    console.print(table, width=max(console.width, table.min_width or 0), crop=False)


def print_error(error: TuneyardError) -> None:
    """What is wrong, where, and what to do: one block."""
    console = stderr()
    console.print(f"[bold red]error:[/] {escape(error.headline)}")
    for place in error.places:
        console.print(f"  {escape(place)}")
    if error.hint:
        console.print(escape(error.hint))


def job_details(job: Job, events: Iterable[Event]) -> Table:
    """What is known of one job, and what happened to it."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in _facts(job):
        table.add_row(name, escape(value))
    for event in events:
        table.add_row(moment(event.created_at), escape(event.message))
    return table


def moment(at: datetime) -> str:
    """A time of the clock on this machine's wall."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def age(at: datetime) -> str:
    """How long ago it was: `8 s`, `5 min`, `3 h`, `12 d`."""
    seconds = max(0, round((datetime.now(UTC) - at).total_seconds()))
    for unit, most in (("s", 60), ("min", 60), ("h", 24)):
        if seconds < most:
            return f"{seconds} {unit}"
        seconds //= most
    return f"{seconds} d"


def size(num_bytes: int) -> str:
    """`512 B`, `3.1 MB`."""
    value = float(num_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:  # noqa: PLR2004 - SI units
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def word(value: object) -> str:
    """A value of a spec: `0.0001`, `lora`."""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _facts(job: Job) -> Iterator[tuple[str, str]]:
    yield "job", job.id
    yield "status", state(job)
    yield "base model", str(job.spec.get("base_model"))
    yield "train dataset", str(job.spec.get("train_dataset"))
    if suffix := job.spec.get("suffix"):
        yield "suffix", str(suffix)
    yield "attempt", f"{job.attempt} on {job.worker}" if job.worker else str(job.attempt)
    if job.progress:
        yield "progress", numbers(job)
    moments = {
        "submitted": job.created_at,
        "started": job.started_at,
        "ended": job.finished_at,
        "expected start": job.expected_start_at,
        "expected end": job.expected_end_at,
    }
    for name, at in moments.items():
        if at:
            yield name, moment(at)
    if job.artifact:
        yield "artifact", f"{job.artifact.num_files} files, {size(job.artifact.num_bytes)}"
    if job.failure:
        yield "failure", f"{job.failure.message} ({job.failure.code})"
        yield from (("fault", fault.place) for fault in job.failure.faults)
