"""How fast an artifact is downloaded from the API, beside nginx and the same file, and what memory that takes.

`python -m benchmarks.downloads` prints it.
"""

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import psutil

from benchmarks.databases import sqlite
from benchmarks.figures import Figure, Section, Table
from benchmarks.nginx import nginx
from benchmarks.services import Api, running_job
from benchmarks.showing import show
from store import artifacts, leases
from store.database import Database
from trainer_core.contract.manifest import Manifest

FILE_BYTES = 1 << 30
NUM_ROUNDS = 7
LEAST_RATIO = 0.5
MOST_MEGABYTES = 64.0
_LOOK_SECONDS = 0.02
_WEIGHTS = "model.safetensors"
TEXT = """A file of 1 GiB that lies in the kernel's cache is read over loopback by one client that throws it away, from
nginx (one process, `sendfile on`) and from the API: whole, as a range that leaves out its first byte, and in an
archive. They are asked in turn, in alternating order; rates are medians. Memory is what the API's process has at most
while it sends, less what it had before."""


def measure() -> Section:
    """Ratios to nginx, and megabytes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tuneyard-benchmark-")))
        database = stack.enter_context(sqlite(["tuneyard"]))["tuneyard"]
        api = stack.enter_context(Api(database, folder))
        of_job, artifact = _succeeded_job(database, api.storage_root)
        (folder / "nginx").mkdir()
        peer = stack.enter_context(nginx(artifact, folder / "nginx"))
        ours = f"{api.url}/jobs/{of_job}"
        known = "".join(f"{name}: {value}\r\n" for name, value in api.authorization.items())
        asked = {
            "nginx": (f"{peer}/{_WEIGHTS}", ""),
            "whole": (f"{ours}/artifacts/{_WEIGHTS}", known),
            "range": (f"{ours}/artifacts/{_WEIGHTS}", f"{known}Range: bytes=1-\r\n"),
            "archive": (f"{ours}/archive", known),
        }
        _in_turn(asked, 1)
        with _most_memory(api.process) as most:
            rates = _in_turn(asked, NUM_ROUNDS)
    ratios = {what: rate / rates["nginx"] for what, rate in rates.items() if what != "nginx"}
    figures = [Figure(f"{what}, API to nginx", ratio, "x", least=LEAST_RATIO) for what, ratio in ratios.items()]
    memory = Figure("memory of the API for downloads of 1 GiB", most[-1] / 1e6, "MB", most=MOST_MEGABYTES)
    table = Table(["download", "MB/s"], [[what, f"{rate:,.0f}"] for what, rate in rates.items()])
    return Section("Downloads", TEXT, [*figures, memory], [table])


def _succeeded_job(database: Database, storage_root: Path) -> tuple[str, Path]:
    """A job that has left a large file; its id and the artifact's folder."""
    lease = running_job(database)
    folder = storage_root / "jobs" / lease.job_id / f"attempt-{lease.attempt}" / "artifact"
    folder.mkdir(parents=True)
    with (folder / _WEIGHTS).open("wb") as file:
        for _ in range(FILE_BYTES >> 20):
            file.write(os.urandom(1 << 20))
    manifest = Manifest.of(folder)
    manifest.save(folder)
    with database.writing() as session:
        artifacts.record(session, lease, "artifact", manifest)
        leases.succeed(session, lease)
    return lease.job_id, folder


def _in_turn(asked: Mapping[str, tuple[str, str]], num_rounds: int) -> dict[str, float]:
    """Megabytes a second of each, the median of the rounds."""
    rates: dict[str, list[float]] = {what: [] for what in asked}
    for number in range(num_rounds):
        for what in sorted(asked, reverse=bool(number % 2)):
            rates[what].append(_rate(*asked[what]))
    return {what: median(some) for what, some in rates.items()}


def _rate(url: str, header: str) -> float:
    address = urlsplit(url)
    with closing(socket.create_connection((address.hostname or "", address.port or 80))) as connection:
        request = f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n{header}Connection: close\r\n\r\n"
        connection.sendall(request.encode())
        buffer = bytearray(1 << 20)
        num_bytes, began_at = 0, time.perf_counter()
        while received := connection.recv_into(buffer):
            num_bytes += received
        seconds = time.perf_counter() - began_at
    if num_bytes < FILE_BYTES:
        raise EOFError(f"{url} brought only {num_bytes} bytes")
    return num_bytes / seconds / 1e6


@contextmanager
def _most_memory(process: psutil.Process) -> Iterator[list[int]]:
    """Watch a process; the last of what is given is what it had at most, less what it had at first."""
    before = process.memory_info().rss
    most = [0]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_SECONDS):
            most.append(max(most[-1], process.memory_info().rss - before))

    watching = threading.Thread(target=watch)
    watching.start()
    yield most
    over.set()
    watching.join()


if __name__ == "__main__":
    show(measure())
