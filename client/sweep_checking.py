"""A sweep looked at before it is submitted: which of its points would run, and what all of them take."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from client import tables
from client.errors import ApiError
from client.printing import size, word
from client.sweeping import Values, at_point
from client.sync.tuneyard import Tuneyard
from client.views import Estimate, Failure, Report
from client.watching import duration

_INVALID = "invalid_request"


@dataclass(frozen=True)
class Checked:
    """The points of a sweep, each with what is known about its job."""

    points: Sequence[Values]
    reports: Sequence[Report]

    @property
    def num_failing(self) -> int:
        """How many would fail."""
        return sum(not report.is_valid for report in self.reports)

    @property
    def disk_bytes(self) -> int:
        """That those which would run write."""
        return sum(estimate.disk_bytes for estimate in self._estimates)

    @property
    def seconds(self) -> float | None:
        """Of those which would run, one after the other; None where nobody knows how long one takes."""
        known = [estimate.seconds for estimate in self._estimates if estimate.seconds is not None]
        return sum(known) if known and len(known) == len(self._estimates) else None

    @property
    def _estimates(self) -> list[Estimate]:
        return [report.estimate for report in self.reports if report.is_valid and report.estimate]

    def told(self) -> dict[str, Any]:
        """As JSON."""
        pairs = zip(self.points, self.reports, strict=True)
        return {
            "points": [{"values": point, "report": report.model_dump(mode="json")} for point, report in pairs],
            "num_failing": self.num_failing,
            "seconds": self.seconds,
            "disk_bytes": self.disk_bytes,
        }


def report_on(tuneyard: Tuneyard, spec: dict[str, Any], values: Values) -> Report:
    """What is known about the job at a point; one whose spec is refused would fail as well."""
    try:
        return tuneyard.jobs.validate(at_point(spec, values))
    except ApiError as error:
        if error.code != _INVALID:
            raise
        problem = Failure(code=error.code, message="; ".join(error.places) or error.detail)
        return Report(is_valid=False, problem=problem)


def table(checked: Checked) -> Table:
    """A row for each point: what it takes, or that it would fail."""
    paths = tuple(checked.points[0])
    rows = [
        (*map(word, point.values()), *_estimate(report), "would run" if report.is_valid else "would fail")
        for point, report in zip(checked.points, checked.reports, strict=True)
    ]
    found = tables.table((*paths, "steps", "memory", "disk", "time", ""), rows, paths)
    for report, row in zip(checked.reports, found.rows, strict=True):
        row.style = None if report.is_valid else "bold red"
    return found


def remarks(checked: Checked) -> Iterator[str]:
    """What is wrong, each said once with its points, and what all take together."""
    said: dict[str, list[str]] = {}
    for point, report in zip(checked.points, checked.reports, strict=True):
        if report.problem:
            words = f"{report.problem.message} ({report.problem.code})"
            said.setdefault(words, []).append(", ".join(f"{path}={word(value)}" for path, value in point.items()))
    for words, points in said.items():
        yield f"{'; '.join(points)} would fail: {words}"
    num_running = len(checked.points) - checked.num_failing
    pace = "how long is not known before the first job has ended"
    time = pace if checked.seconds is None else f"about {duration(checked.seconds)} one after the other"
    yield f"{num_running} of {len(checked.points)} would run: {size(checked.disk_bytes)} of disk, {time}"


def _estimate(report: Report) -> tuple[str, ...]:
    estimate = report.estimate
    if estimate is None:
        return ("",) * 4
    time = "" if estimate.seconds is None else duration(estimate.seconds)
    return str(estimate.total_steps), size(estimate.memory.total_bytes), size(estimate.disk_bytes), time
