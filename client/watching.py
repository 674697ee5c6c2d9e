"""A job on its way, for people: curves and a bar on a terminal, elsewhere a line for each twentieth of the way."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from client.curves import THROUGHPUT, drawing
from client.errors import TuneyardError
from client.views import Job, Series

CURVE_POINTS = 200
"""Of each series, at most: a terminal shows no more."""
Curves = Callable[[], Sequence[Series]]
_DRAW_SECONDS = 1.0
"""Between two drawings, at least."""
_MAX_HEIGHT = 14
_MAX_WIDTH = 110
_COLUMNS = (
    SpinnerColumn(),
    TextColumn("{task.fields[state]}"),
    BarColumn(),
    TextColumn("{task.fields[numbers]}"),
)
_LAST_PLACE = 200
"""The service tells this one of all who stand behind it, too."""


def show_to_end(changes: Iterable[Job], console: Console, curves: Curves = tuple) -> Job:
    """Show each change, on a terminal above its bar what `curves` gives; gives the job as it ended."""
    shown = _live(changes, console, curves) if console.is_terminal else _with_lines(changes, console)
    *_, job = shown
    console.print(ending(job), highlight=False, markup=False, soft_wrap=True)
    return job


def state(job: Job) -> str:
    """`queued (place 2)`, `training`, `training, cancelling`, `succeeded`."""
    if job.status == "queued":
        again = f", attempt {job.attempt + 1}" if job.attempt else ""
        behind = " or later" if job.queue_position == _LAST_PLACE else ""
        return f"queued (place {job.queue_position}{behind}{again})"
    if job.status != "running":
        return job.status
    asked = {
        "cancelling": job.cancel_requested_at,
        "pausing": job.pause_requested_at,
        "ending": job.finish_requested_at,
    }
    return ", ".join([job.phase or "starting", *(word for word, at in asked.items() if at)][:2])


def numbers(job: Job) -> str:
    """`step 12/40  epoch 0.60  loss 1.2345  8 s left`."""
    progress = job.progress
    if progress is None:
        return ""
    loss = "not finite" if progress.loss is None else f"{progress.loss:.4f}"
    left = f"  {duration(progress.remaining_seconds)} left" if progress.step < progress.total_steps else ""
    return f"step {progress.step}/{progress.total_steps}  epoch {progress.epoch:.2f}  loss {loss}{left}"


def ending(job: Job) -> str:
    """How a job ended, and what can be done now."""
    if job.has_succeeded:
        return f"{job.id} succeeded; download it: tuneyard download {job.id}"
    if job.failure:
        return f"{job.id} {job.status}: {job.failure.message} ({job.failure.code}); more: tuneyard logs {job.id}"
    return f"{job.id} {job.status}"


def duration(seconds: float) -> str:
    """`8 s`, `3:05 min`, `2:07 h`."""
    minutes, rest_seconds = divmod(round(seconds), 60)
    hours, rest_minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{rest_minutes:02} h"
    return f"{minutes}:{rest_seconds:02} min" if minutes else f"{rest_seconds} s"


def _live(changes: Iterable[Job], console: Console, curves: Curves) -> Iterator[Job]:
    bar = Progress(*_COLUMNS, console=console)
    task = bar.add_task("", total=None, state="", numbers="")
    drawn_at, drawn, pace = -_DRAW_SECONDS, None, ""
    with Live(bar, console=console) as live:
        for job in changes:
            total, completed = (job.progress.total_steps, job.progress.step) if job.progress else (None, 0)
            if job.progress and (job.has_ended or time.monotonic() - drawn_at >= _DRAW_SECONDS):
                with suppress(TuneyardError):  # a service that is away for a moment; the next change draws again
                    series = curves()
                    room = min(console.width, _MAX_WIDTH), min(console.height - 3, _MAX_HEIGHT)
                    drawn, pace = drawing(series, *room), _pace(series)
                drawn_at = time.monotonic()
            bar.update(task, total=total, completed=completed, state=state(job), numbers=numbers(job) + pace)
            live.update(Group(drawn, bar) if drawn else bar)
            yield job


def _pace(series: Sequence[Series]) -> str:
    """`  1,234 tokens/s`."""
    last = [one.values[-1] for one in series if one.name == THROUGHPUT and one.values]
    return f"  {last[0]:,.0f} tokens/s" if last else ""


def _with_lines(changes: Iterable[Job], console: Console) -> Iterator[Job]:
    last = None
    for job in changes:
        milestone = (state(job), _twentieths(job))
        if milestone != last:
            console.print(f"{state(job)}  {numbers(job)}".rstrip(), highlight=False, soft_wrap=True)
        last = milestone
        yield job


def _twentieths(job: Job) -> int:
    return 20 * job.progress.step // job.progress.total_steps if job.progress else 0
