"""Facts of a service as tables for people."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from rich.markup import escape
from rich.table import Column, Table

from client.operation_views import GarbageItem, Standing
from client.printing import moment, size
from client.report_views import Evaluation, Integration, Timeline
from client.tenant_views import Key, Project, Usage
from client.views import Checkpoint, Dataset, Images, ModelList, Series, Worker
from client.watching import duration


def workers(found: Iterable[Worker]) -> Table:
    """A row for each worker."""
    rows = (
        (one.name, str(one.num_slots), size(one.memory_bytes), ", ".join(gpu.name for gpu in one.gpus) or "none")
        for one in found
    )
    return _table(("worker", "slots", "memory", "GPUs"), rows)


def models(found: ModelList) -> Table:
    """A row for each base model."""
    rows = [(one.name,) for one in found.data]
    return _table(
        ("base model",), [*rows, ("any model of the Hugging Face hub, by its id",)] if found.hub_models else rows
    )


def checkpoints(found: Iterable[Checkpoint]) -> Table:
    """A row for each checkpoint."""
    rows = (
        (str(one.step), f"{one.epoch:.2f}", size(one.num_bytes), _numbers(one.metrics), moment(one.created_at))
        for one in found
    )
    return _table(("step", "epoch", "size", "metrics", "saved"), rows)


def series(found: Iterable[Series]) -> Table:
    """A row for each series: where it began, where it stands, and how far it went."""
    rows = (
        (
            one.name,
            str(one.num_points or len(one.steps)),
            *_ends(one),
            f"{min(one.values):.5g}",
            f"{max(one.values):.5g}",
        )
        for one in found
        if one.values
    )
    return _table(("metric", "points", "first", "last", "least", "greatest"), rows)


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
    return _table(("project", "name", "share", "queued", "running", "GPU hours", "storage", "upload"), rows)


def keys(found: Iterable[Key]) -> Table:
    """A row for each key."""
    rows = (
        (
            one.id,
            one.name,
            one.scope,
            one.project_id,
            "revoked" if one.revoked_at else _until(one.expires_at),
            moment(one.last_used_at) if one.last_used_at else "never",
        )
        for one in found
    )
    return _table(("key", "name", "scope", "project", "valid", "last used"), rows)


def usage(found: Usage) -> Table:
    """What is used, beside its limits."""
    limits = found.project
    rows = (
        ("queued jobs", str(found.num_queued_jobs), _limit(limits.max_queued_jobs)),
        ("running jobs", str(found.num_running_jobs), _limit(limits.max_running_jobs)),
        ("GPU hours in 30 days", f"{found.gpu_hours:.2f}", _limit(limits.max_gpu_hours)),
        ("storage", size(found.storage_bytes), _bytes(limits.max_storage_bytes)),
    )
    return _table((f"project {limits.name}", "used", "limit"), rows)


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
    return _table(("project", "queued", "running", "GPU hours", "storage"), rows)


def standings(found: Iterable[Standing]) -> Table:
    """A row for each worker: whether it is drained, and how far."""
    rows = ((one.name, "no, drained" if one.is_drained else "yes", str(one.num_running_jobs)) for one in found)
    return _table(("worker", "takes jobs", "running jobs"), rows)


def garbage(found: Iterable[GarbageItem]) -> Table:
    """A row for each thing that can go."""
    return _table(("kind", "name", "size"), ((one.kind, one.name, size(one.num_bytes)) for one in found))


def datasets(found: Iterable[Dataset]) -> Table:
    """A row for each dataset."""
    rows = (
        (one.id, one.filename, str(one.num_rows), str(one.num_images), size(one.num_bytes), moment(one.created_at))
        for one in found
    )
    return _table(("dataset", "file", "rows", "images", "size", "uploaded"), rows)


def images(found: Iterable[Images]) -> Table:
    """A row for each upload of images."""
    rows = ((one.id, one.filename, str(one.num_images), size(one.num_bytes), moment(one.created_at)) for one in found)
    return _table(("images", "file", "number", "size", "uploaded"), rows)


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
    return _table(("began", "where", "how long", "attempt", "worker"), rows)


def samples(found: Iterable[Evaluation]) -> Table:
    """A row for each held-out row, with its answer at each evaluation below the one before."""
    columns = ("line", "question", "target", "step", "answer", "scores")
    table = Table(*columns, box=None, pad_edge=False)
    for row in _answers(found):
        table.add_row(*map(escape, row))
    return table


def integrations(found: Iterable[Integration]) -> Table:
    """A row for each tracker."""
    rows = ((one.name, one.status, one.url or "", one.error or "") for one in found)
    return _table(("target", "status", "where", "what is wrong"), rows)


def facts(rows: Iterable[tuple[str, str]]) -> Table:
    """Names and values of one thing."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows:
        table.add_row(name, escape(value))
    return table


def _table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    table = Table(*(Column(escape(name), no_wrap=True) for name in names), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(escape, row))
    return table


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


def _ends(one: Series) -> tuple[str, str]:
    return f"{one.values[0]:.5g}", f"{one.values[-1]:.5g} (step {one.steps[-1]})"


def _limit(limit: float | None) -> str:
    return "none" if limit is None else f"{limit:g}"


def _bytes(limit: int | None) -> str:
    return "none" if limit is None else size(limit)


def _until(at: datetime | None) -> str:
    return f"until {moment(at)}" if at else "always"
