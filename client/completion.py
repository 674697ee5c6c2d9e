"""Completing ids in a shell: the service is asked, briefly; whatever goes wrong, nothing is said."""

import threading
from collections.abc import Iterator
from itertools import islice

import typer

from client.errors import TuneyardError
from client.sync.tuneyard import Tuneyard
from client.watching import state

_PATIENCE_SECONDS = 2.0
_MOST = 100


def job_ids(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The newest jobs whose ids begin so, each with what it is doing."""
    given = ctx.find_root().params
    found: list[tuple[str, str]] = []

    def ask() -> None:
        found.extend(_jobs(given.get("url"), given.get("api_key")))

    asking = threading.Thread(target=ask, daemon=True)  # a service that hangs must not hang the shell
    asking.start()
    asking.join(_PATIENCE_SECONDS)
    return [(job_id, words) for job_id, words in found if job_id.startswith(incomplete)]


def _jobs(url: str | None, api_key: str | None) -> Iterator[tuple[str, str]]:
    try:
        with Tuneyard(url, api_key=api_key, patience_seconds=0) as tuneyard:
            for job in islice(tuneyard.jobs.list(), _MOST):
                yield job.id, f"{state(job)}, {job.spec.get('base_model')}"
    except TuneyardError:
        return
