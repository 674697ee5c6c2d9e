"""A report about a job, for people: what is wrong, what its rows hold, what it takes, rows as the model reads them."""

from collections.abc import Iterator
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from client.printing import size
from client.views import Estimate, Report, RowsReport, Sample
from client.watching import duration

Part = Literal["all", "estimate", "preview"]


def print_report(report: Report, console: Console, part: Part = "all") -> None:
    """Print it, or what of it was asked for beside what is wrong; what is trained on is green."""
    for line in _verdict(report):
        console.print(line, soft_wrap=True)
    if part != "preview":
        _print_facts(report, console, part)
    if part != "estimate":
        for sample in report.preview:
            console.print(_sample(sample), soft_wrap=True)


def _print_facts(report: Report, console: Console, part: Part) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in _facts(report, part):
        table.add_row(name, escape(value))
    console.print(table)


def _verdict(report: Report) -> Iterator[str]:
    if report.problem is None:
        yield "[green]This job can run.[/]"
    else:
        yield f"[bold red]This job would fail:[/] {escape(report.problem.message)} ({report.problem.code})"
        yield from (f"  {escape(fault.place)}" for fault in report.problem.faults)
    yield from (f"[yellow]note:[/] {escape(warning)}" for warning in report.warnings)


def _facts(report: Report, part: Part) -> Iterator[tuple[str, str]]:
    for name, rows in (("training", report.train), ("evaluation", report.evaluation)):
        if rows is not None and part == "all":
            yield name, _rows(rows)
    if report.estimate is not None:
        yield from _estimate(report.estimate)


def _rows(rows: RowsReport) -> str:
    tokens = rows.tokens
    return (
        f"{rows.num_rows} rows, {rows.num_images} images; {tokens.shortest} to {tokens.longest} tokens, median "
        f"{tokens.median}; {rows.num_supervised_tokens} of {tokens.total} tokens are trained on"
    )


def _estimate(estimate: Estimate) -> Iterator[tuple[str, str]]:
    yield "steps", f"{estimate.total_steps}, {estimate.steps_per_epoch} an epoch"
    yield "parameters", f"{estimate.num_trainable_parameters:,} of {estimate.num_parameters:,} are trained"
    there = estimate.memory.device_bytes
    yield "memory", size(estimate.memory.total_bytes) + (f" of {size(there)}" if there else "")
    yield "disk", size(estimate.disk_bytes)
    pace = "not known before the first job has ended"
    yield "time", pace if estimate.seconds is None else f"about {duration(estimate.seconds)}"


def _sample(sample: Sample) -> Text:
    text = Text(f"line {sample.line}, {sample.num_tokens} tokens: ", style="dim")
    for piece in sample.pieces:
        text.append(piece.text, style="green" if piece.is_trained else "default")
    return text
