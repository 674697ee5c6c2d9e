"""How soon all who watch a running job have what it tells, and what that costs the API.

`python -m benchmarks.fan_out` prints it.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles

from benchmarks.databases import sqlite
from benchmarks.figures import Figure, Section, Table
from benchmarks.services import Api, running_job
from benchmarks.showing import show
from store import leases, metrics
from store.database import Database
from store.leases import Lease
from store.series import Point

NUM_READERS = (100, 1000)
NUM_STEPS = 40
PAUSE_SECONDS = 0.83
"""Between two steps: no multiple of the API's look, so that steps meet it at every moment of its round."""
MOST_SECONDS = 1.0
_METRICS = ("loss", "learning_rate", "grad_norm", "epoch", "supervised_tokens_per_second")
TEXT = f"""One running job on SQLite writes a step of five metrics every {PAUSE_SECONDS} s; so many readers in one other
process watch its stream. Delay is from the commit of a step until the last reader has it; the API looks for news every
half second, so that a quarter of a second is the least that its median can be. CPU is the API's, in parts of one core,
over the same time."""


def measure() -> Section:
    """Seconds to the last reader, and the API's part of a core."""
    figures: list[Figure] = []
    rows: list[list[str]] = []
    for num_readers in NUM_READERS:
        delays, spread, cpu = _measure(num_readers)
        p95 = quantiles(delays, n=20)[-1]
        figures += [
            Figure(f"{num_readers:,} readers: delay to the last, median", median(delays), "s", most=MOST_SECONDS),
            Figure(f"{num_readers:,} readers: delay to the last, 95%", p95, "s", most=MOST_SECONDS),
            Figure(f"{num_readers:,} readers: API", cpu, "cores"),
        ]
        rows.append([f"{num_readers:,}", f"{max(delays):.2f}", f"{1e3 * median(spread):.0f}"])
    table = Table(["readers", "longest delay, s", "from the first reader to the last, median, ms"], rows)
    return Section("Streams: one job, many readers", TEXT, figures, [table])


def _measure(num_readers: int) -> tuple[list[float], list[float], float]:
    """For each step the delay to the last reader, and from the first to the last; the API's cores."""
    with ExitStack() as stack:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the API inherits it
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tuneyard-benchmark-")))
        database = stack.enter_context(sqlite(["tuneyard"]))["tuneyard"]
        api = stack.enter_context(Api(database, folder))
        lease = running_job(database)
        command = ["benchmarks.listening", f"{api.url}/jobs/{lease.job_id}/stream", str(num_readers), str(NUM_STEPS)]
        known = os.environ | {"TUNEYARD_API_KEY": api.key}
        listening = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True, env=known)
        assert listening.stdout is not None
        assert listening.stdout.readline() == "ready\n"
        cpu_before, began_at = sum(api.process.cpu_times()[:2]), time.monotonic()
        written_at = [_write(database, lease, step) for step in range(1, NUM_STEPS + 1)]
        heard = json.loads(listening.stdout.read())
        cores = (sum(api.process.cpu_times()[:2]) - cpu_before) / (time.monotonic() - began_at)
        listening.wait()
    assert [(step, count) for step, count, *_ in heard] == [(step, num_readers) for step in range(1, NUM_STEPS + 1)]
    delays = [last_at - written for (*_, last_at), written in zip(heard, written_at, strict=True)]
    return delays, [last_at - first_at for *_, first_at, last_at in heard], cores


def _write(database: Database, lease: Lease, step: int) -> float:
    """Write a step as a runner does, after a pause; when it was committed."""
    time.sleep(PAUSE_SECONDS)
    with database.writing() as session:
        leases.renew(session, lease, 600)
        metrics.record(session, lease, [Point(name, step, 1 / step) for name in _METRICS])
    return time.monotonic()


if __name__ == "__main__":
    show(measure())
