"""Facts of a service as tables for people."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

from rich.cells import cell_len
from rich.markup import escape
from rich.table import Table

from client.operation_views import GarbageItem, Standing
from client.printing import age, moment, size
from client.report_views import Evaluation, Integration, SeriesOfJob, Timeline
from client.tenant_views import Key, Project, Usage
from client.views import Checkpoint, Dataset, Images, Job, ModelList, Series, Worker
from client.watching import duration, state

_FOLDED = 12
"""Columns that a text keeps at least where the terminal is narrow."""
_BETWEEN = 2
"""Columns that rich leaves empty between two."""
_EXTENT = ("points", "first", "last", "least", "greatest")
_WORDS = ("metric", "last")


def table(names: Sequence[str], rows: Iterable[Sequence[str]], folded: Collection[str] = ()) -> Table:
    """Cells below names. Where the terminal is narrow, the columns `folded` take several lines; nothing is cut."""
    cells = [names, *rows]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    least = [min(_FOLDED, width) if name in folded else width for name, width in zip(names, widths, strict=True)]
    found = Table(box=None, pad_edge=False, min_width=sum(least) + _BETWEEN * (len(names) - 1))
    for name, width in zip(names, least, strict=True):
        found.add_column(escape(name), no_wrap=name not in folded, overflow="fold", min_width=width)
    for row in cells[1:]:
        found.add_row(*map(escape, row))
    return found


def jobs(found: Iterable[Job]) -> Table:
    """A row for each job."""
    rows = (
        (one.id, state(one), str(one.spec.get("base_model")), *_step_and_loss(one), age(one.created_at))
        for one in found
    )
    return table(("job", "status", "base model", "step", "loss", "age"), rows, ("status", "base model"))


def workers(found: Iterable[Worker]) -> Table:
    """A row for each worker."""
    rows = (
        (
            one.name,
            str(one.num_slots),
            str(len(one.running)),
            f"no, for {age(one.draining_since)}" if one.draining_since else "yes",
            size(one.memory_bytes),
            ", ".join(gpu.name for gpu in one.gpus) or "none",
        )
        for one in found
    )
    return table(("worker", "slots", "jobs", "takes jobs", "memory", "GPUs"), rows, ("worker", "GPUs"))


def models(found: ModelList) -> Table:
    """A row for each base model."""
    rows = [(one.name,) for one in found.data]
    return table(
        ("base model",), [*rows, ("any model of the Hugging Face hub, by its id",)] if found.hub_models else rows
    )


def checkpoints(found: Iterable[Checkpoint]) -> Table:
    """A row for each checkpoint."""
    rows = (
        (str(one.step), f"{one.epoch:.2f}", size(one.num_bytes), _numbers(one.metrics), age(one.created_at))
        for one in found
    )
    return table(("step", "epoch", "size", "metrics", "age"), rows, ("metrics",))


def series(found: Iterable[Series]) -> Table:
    """A row for each series: where it began, where it stands, and how far it went."""
    return table(("metric", *_EXTENT), ((one.name, *_extent(one)) for one in found if one.values), _WORDS)


def comparison(found: Iterable[SeriesOfJob]) -> Table:
    """The same of several jobs, those of one name below each other."""
    told = [one for one in found if one.values]
    names = list(dict.fromkeys(one.name for one in told))
    rows = ((one.name, one.job_id, *_extent(one)) for one in sorted(told, key=lambda one: names.index(one.name)))
    return table(("metric", "job", *_EXTENT), rows, _WORDS)


def projects(found: Iterable[Project]) -> Table:
    """A row for each project."""
    rows = (
        (
            one.id,
            one.name,
            str(one.share),
            _limit(one.max_queued_jobs),
            _limit(one.max_running_jobs),
            _limit(one.max_gpu_hours),
            _bytes(one.max_storage_bytes),
            _bytes(one.max_upload_bytes),
        )
        for one in found
    )
    return table(
        ("project", "name", "share", "queued", "running", "GPU hours", "storage", "upload"), rows, ("name", "GPU hours")
    )


def keys(found: Iterable[Key]) -> Table:
    """A row for each key."""
    rows = (
        (
            one.id,
            one.name,
            one.scope,
            one.project_id,
            "revoked" if one.revoked_at else _until(one.expires_at),
            f"{age(one.last_used_at)} ago" if one.last_used_at else "never",
        )
        for one in found
    )
    return table(("key", "name", "scope", "project", "valid", "last used"), rows, ("name", "valid", "last used"))


def usage(found: Usage) -> Table:
    """What is used, beside its limits."""
    limits = found.project
    rows = (
        ("queued jobs", str(found.num_queued_jobs), _limit(limits.max_queued_jobs)),
        ("running jobs", str(found.num_running_jobs), _limit(limits.max_running_jobs)),
        ("GPU hours in 30 days", f"{found.gpu_hours:.2f}", _limit(limits.max_gpu_hours)),
        ("storage", size(found.storage_bytes), _bytes(limits.max_storage_bytes)),
    )
    return table((f"project {limits.name}", "used", "limit"), rows)


def usages(found: Iterable[Usage]) -> Table:
    """A row for each project: what it has and has used."""
    rows = (
        (
            one.project.name,
            str(one.num_queued_jobs),
            str(one.num_running_jobs),
            f"{one.gpu_hours:.1f}",
            size(one.storage_bytes),
        )
        for one in found
    )
    return table(("project", "queued", "running", "GPU hours", "storage"), rows, ("project",))


def standings(found: Iterable[Standing]) -> Table:
    """A row for each worker: whether it is drained, and how far."""
    rows = ((one.name, "no, drained" if one.is_drained else "yes", str(one.num_running_jobs)) for one in found)
    return table(("worker", "takes jobs", "running jobs"), rows, ("worker",))


def garbage(found: Iterable[GarbageItem]) -> Table:
    """A row for each thing that can go."""
    return table(("kind", "name", "size"), ((one.kind, one.name, size(one.num_bytes)) for one in found), ("name",))


def datasets(found: Iterable[Dataset]) -> Table:
    """A row for each dataset."""
    rows = (
        (one.id, one.filename, str(one.num_rows), str(one.num_images), size(one.num_bytes), age(one.created_at))
        for one in found
    )
    return table(("dataset", "file", "rows", "images", "size", "age"), rows, ("file",))


def images(found: Iterable[Images]) -> Table:
    """A row for each upload of images."""
    rows = ((one.id, one.filename, str(one.num_images), size(one.num_bytes), age(one.created_at)) for one in found)
    return table(("images", "file", "number", "size", "age"), rows, ("file",))


def timeline(found: Timeline) -> Table:
    """A row for each stay: where, under which attempt and worker, and how long."""
    attempts = {one.number: one for one in found.attempts}
    rows = []
    for stay in found.data:
        attempt = attempts.get(stay.attempt)
        seconds = None if stay.ended_at is None else (stay.ended_at - stay.began_at).total_seconds()
        rows.append(
            (
                moment(stay.began_at),
                stay.where,
                "still there" if seconds is None else duration(seconds),
                str(stay.attempt or ""),
                attempt.worker if attempt else "",
            )
        )
    return table(("began", "where", "how long", "attempt", "worker"), rows, ("worker",))


def samples(found: Iterable[Evaluation]) -> Table:
    """A row for each held-out row, with its answer at each evaluation below the one before."""
    texts = ("question", "target", "answer", "scores")
    return table(("line", "question", "target", "step", "answer", "scores"), _answers(found), texts)


def integrations(found: Iterable[Integration]) -> Table:
    """A row for each tracker."""
    rows = ((one.name, one.status, one.url or "", one.error or "") for one in found)
    return table(("target", "status", "where", "what is wrong"), rows, ("where", "what is wrong"))


def facts(rows: Iterable[tuple[str, str]]) -> Table:
    """Names and values of one thing."""
    found = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows:
        found.add_row(name, escape(value))
    return found


def _answers(found: Iterable[Evaluation]) -> Iterator[tuple[str, ...]]:
    told = sorted(
        ((one, evaluation) for evaluation in found for one in evaluation.predictions),
        key=lambda pair: (pair[0].line, pair[1].event_id),
    )
    line = None
    for one, evaluation in told:
        row = (str(one.line), one.question, one.target) if one.line != line else ("", "", "")
        line = one.line
        yield (*row, str(evaluation.step), one.output, _numbers(one.scores))


def _numbers(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.5g}" for name, value in metrics.items())


def _step_and_loss(job: Job) -> tuple[str, str]:
    if job.progress is None:
        return "", ""
    loss = "" if job.progress.loss is None else f"{job.progress.loss:.4f}"
    return f"{job.progress.step}/{job.progress.total_steps}", loss


def _extent(one: Series) -> tuple[str, ...]:
    last = f"{one.values[-1]:.5g} (step {one.steps[-1]})"
    bounds = (f"{bound:.5g}" for bound in (min(one.values), max(one.values)))
    return str(one.num_points or len(one.steps)), f"{one.values[0]:.5g}", last, *bounds


def _limit(limit: float | None) -> str:
    return "none" if limit is None else f"{limit:g}"


def _bytes(limit: int | None) -> str:
    return "none" if limit is None else size(limit)


def _until(at: datetime | None) -> str:
    return f"until {moment(at)}" if at else "always"
