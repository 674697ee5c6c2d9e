"""Facts of a service as tables for people."""

from collections.abc import Iterable
from datetime import datetime

from rich.markup import escape
from rich.table import Column, Table

from client.printing import moment, size
from client.views import Checkpoint, Key, ModelList, Project, Series, Usage, Worker


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
