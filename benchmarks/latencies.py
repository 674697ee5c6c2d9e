"""How long the API takes for what is asked of it most, among a thousand jobs and among a million.

`python -m benchmarks.latencies` prints it. Rows are made by the database; both sizes are asked in turn.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from statistics import median

import httpx2

from benchmarks.databases import KINDS, settle
from benchmarks.figures import Figure, Section, Table
from benchmarks.rows import add_jobs, add_points, job_id
from benchmarks.services import SPEC, Api
from benchmarks.showing import show
from store import leases
from store.database import Database

SIZES = {"few": 1_000, "many": 1_000_000}
"""Jobs in each database."""
CURVES = {
    "1 metric x 1,000,000 steps": (6, ["loss"], 1_000_000),
    "5 metrics x 200,000 steps": (7, ["loss", "learning_rate", "grad_norm", "epoch", "tokens_per_second"], 200_000),
}
"""Number of the job, its metrics, and its steps."""
NUM_ROUNDS = 41
NUM_TRIES = 3
"""In each round; the quickest counts, so that what else the machine does counts little."""
MAX_RATIO = 1.2
MAX_CURVE_MILLISECONDS = 100.0
TEXT = f"""Over HTTP on loopback, one request at a time, what a page or a client asks again and again: medians of
{NUM_ROUNDS - 1} rounds, of which each counts the quickest of {NUM_TRIES} requests; both sizes are asked in turn, in
alternating order, and everything runs on one core. A tenth of all jobs
wait, a tenth failed, there are fifty base models; lists are first pages of 20, of 10 where both are given. «Claim» is
the statement by which a worker takes a job. Curves are drawn among the million jobs."""


Ask = Callable[[], None]


class _Undone(Exception):
    """Rolls a transaction back."""


def measure() -> Section:
    """Ratios of many to few, and milliseconds."""
    with _one_core():
        return _section()


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep all that is started on one core: both sizes then meet whatever else runs there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    yield
    os.sched_setaffinity(0, before)


def _section() -> Section:
    figures: list[Figure] = []
    rows: list[list[str]] = []
    for kind, open_databases in KINDS.items():
        found = _measure(open_databases)
        for what, taken in found.items():
            if "few" not in taken:
                figures.append(Figure(f"{kind}: {what}", taken["many"], "ms", most=MAX_CURVE_MILLISECONDS))
                continue
            figures.append(Figure(f"{kind}: {what}, many to few", taken["many"] / taken["few"], "x", most=MAX_RATIO))
            rows.append([kind, what, *(f"{taken[size]:.2f}" for size in SIZES)])
    columns = ["database", "request", *(f"{number:,} jobs, ms" for number in SIZES.values())]
    return Section("API latencies", TEXT, figures, [Table(columns, rows)])


def _measure(open_databases: Callable[..., AbstractContextManager[dict[str, Database]]]) -> dict[str, dict[str, float]]:
    with ExitStack() as stack:
        databases = stack.enter_context(open_databases(list(SIZES)))
        asked: dict[str, Mapping[str, Ask]] = {}
        for size, number in SIZES.items():
            _fill(databases[size], number)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            api = stack.enter_context(Api(databases[size], folder))
            client = stack.enter_context(httpx2.Client(base_url=api.url, headers=api.authorization, timeout=60))
            asked[size] = _requests(client, number) | {"claim": partial(_claim, databases[size])}
        compared = {what: _in_turn({size: asked[size][what] for size in SIZES}) for what in asked["many"]}
        curves = {
            what: partial(_get, client, f"/jobs/{job_id(of_job)}/metrics") for what, (of_job, *_) in CURVES.items()
        }
        return compared | {f"curves of {what}": _in_turn({"many": ask}) for what, ask in curves.items()}


def _fill(database: Database, number: int) -> None:
    add_jobs(database, number)
    if number == SIZES["many"]:
        for of_job, names, steps in CURVES.values():
            add_points(database, job_id(of_job), names, steps)
    settle(database)


def _requests(client: httpx2.Client, number: int) -> dict[str, Ask]:
    waiting, ended = job_id(number), job_id(number - 1)
    paths = {
        "a job that waits": f"/jobs/{waiting}",
        "a job that has ended": f"/jobs/{ended}",
        "newest jobs": "/jobs",
        "newest that failed": "/jobs?status=failed",
        "newest that wait": "/jobs?status=queued",
        "newest on a base model": "/jobs?base_model=model-2",
        "newest on it that failed": "/jobs?base_model=model-2&status=failed&limit=10",
    }
    asked: dict[str, Ask] = {what: partial(_get, client, path) for what, path in paths.items()}
    return asked | {"submit a job": partial(_post, client)}


def _get(client: httpx2.Client, path: str) -> None:
    client.get(path).raise_for_status()


def _post(client: httpx2.Client) -> None:
    client.post("/jobs", json=SPEC.model_dump(mode="json")).raise_for_status()


def _claim(database: Database) -> None:
    with suppress(_Undone), database.writing() as session:
        assert leases.claim(session, worker="benchmark", seconds=90) is not None
        raise _Undone


def _in_turn(asked: Mapping[str, Ask]) -> dict[str, float]:
    """Milliseconds of each, the median of many rounds; the first of them warms up and does not count."""
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(NUM_ROUNDS):
        for name in sorted(asked, reverse=bool(number % 2)):
            taken[name].append(1e3 * min(_seconds(asked[name]) for _ in range(NUM_TRIES)))
    return {name: median(some[1:]) for name, some in taken.items()}


def _seconds(ask: Ask) -> float:
    began_at = time.perf_counter()
    ask()
    return time.perf_counter() - began_at


if __name__ == "__main__":
    show(measure())
