"""What the records say of the whole service, for `/metrics`: asked of the database once, however many scrape.

Every API process tells the same of it, but for counters: they begin with the process, as Prometheus expects.
"""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from store import census, tallies
from store.census import Census
from store.database import Database
from store.leases import AttemptOutcome
from store.lifecycle import ENDED
from store.tables import Worker
from store.tallies import Tally
from store.workers import Counted
from trainer_core.contract.errors import FailureCode

FRESH_SECONDS = 5.0
"""How long what was asked of the database is told."""
_COUNTED: Mapping[Counted, str] = {
    Counted.RUNNERS_STARTED: "Attempts begun",
    Counted.RUNNERS_BROKEN: "Attempts whose runner ended with an error",
    Counted.TRAINERS_WARMED: "Warm trainers started",
    Counted.INSPECTIONS_BROKEN: "Checks of jobs that broke down",
    Counted.SWEEPS_MISSED: "Sweeps that the database did not answer",
}

log = logging.getLogger(__name__)


class Standing(Collector):
    """Tells how the service stands, whenever it is scraped."""

    def __init__(
        self, database: Database, storage_folder: Path | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._storage_folder = storage_folder
        self._clock = clock
        self._one = threading.Lock()
        self._asked_at = -float("inf")
        self._census: Census | None = None
        self._counted_to: int | None = None
        self._counts = _Counts()

    def describe(self) -> Iterable[Metric]:
        """Nothing: a registry that is made must not ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All there is to tell; if the database does not answer, that and what it does not know."""
        with self._one:
            if self._clock() - self._asked_at >= FRESH_SECONDS:
                self._ask()
                self._asked_at = self._clock()
            found = self._census
        yield GaugeMetricFamily("tuneyard_database_up", "Whether the database answers", value=found is not None)
        yield from _of_storage(self._storage_folder)
        yield from self._counts.registry.collect()
        if found is not None:
            yield from _of_service(found)
            yield from _of_workers(found)

    def _ask(self) -> None:
        try:
            with self._database.reading() as session:
                self._census = census.take(session)
                upto = tallies.newest(session, self._counted_to or 0)
                if self._counted_to is not None:
                    for tally in tallies.between(session, self._counted_to, upto):
                        self._counts.add(tally)
                self._counted_to = upto
        except SQLAlchemyError as error:
            log.warning("the database does not answer, metrics go without it: %s", error)
            self._census = None


class _Counts:
    """Counters of what happens to jobs."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._submitted = self._counter("tuneyard_jobs_submitted", "Jobs submitted")
        self._started = self._counter("tuneyard_attempts_started", "Attempts claimed by a worker")
        self._attempts = self._counter("tuneyard_attempts_ended", "Attempts that ended", outcome=AttemptOutcome)
        self._ended = self._counter("tuneyard_jobs_ended", "Jobs that ended", status=sorted(ENDED))
        self._failed = self._counter("tuneyard_jobs_failed", "Jobs that failed", code=FailureCode)

    def add(self, tally: Tally) -> None:
        """Count events that are alike."""
        if tally.type == "job_submitted":
            self._submitted.inc(tally.number)
        if tally.type == "attempt_started":
            self._started.inc(tally.number)
        if tally.outcome is not None:
            self._attempts.labels(tally.outcome).inc(tally.number)
        if (status := tally.type.removeprefix("job_")) in ENDED:
            self._ended.labels(status).inc(tally.number)
        if tally.failure_code is not None:
            self._failed.labels(tally.failure_code).inc(tally.number)

    def _counter(self, name: str, told: str, **label: Iterable[str]) -> Counter:
        """A counter, at 0 for every value of its label."""
        counter = Counter(name, told, tuple(label), registry=self.registry)
        for value in (one for values in label.values() for one in values):
            counter.labels(value)
        return counter


def _of_service(found: Census) -> Iterator[Metric]:
    yield _by("jobs", "Jobs that have not ended", "status", found.jobs)
    yield _gauge("queue_longest_wait_seconds", "How long the oldest queued job has waited", found.longest_wait_seconds)
    yield _gauge("inspections_waiting", "Checks of jobs that are asked for and not answered", found.num_inspections)
    yield _gauge("chats_waiting", "Chats that are asked and not answered", found.num_chats)
    told = "Webhook deliveries that are tried, or were given up"
    yield _by("webhook_deliveries", told, "status", found.deliveries)
    told = "Until the first lease of a running job ends; below 0 if one has and nobody has noticed"
    yield _gauge("shortest_lease_seconds", told, found.shortest_lease_seconds)
    told = "Slots times seconds that ended attempts have used"
    yield CounterMetricFamily("tuneyard_slot_seconds", told, value=found.slot_seconds)


def _of_workers(found: Census) -> Iterator[Metric]:
    def by_worker(name: str, told: str, value: Callable[[Worker], float]) -> Metric:
        return _by(f"worker_{name}", told, "worker", {one.name: value(one) for one in found.workers})

    yield _gauge("workers", "Workers seen in the last half minute", len(found.workers))
    yield by_worker("slots", "Slots of a worker", lambda one: one.num_slots)
    yield by_worker("slots_busy", "Slots that attempts hold", lambda one: found.busy_slots.get(one.name, 0))
    yield by_worker("memory_bytes", "Memory of a worker's machine", lambda one: one.memory_bytes)
    yield by_worker("gpus", "GPUs of a worker", lambda one: len(one.gpus))
    gpu_bytes = "Memory of a worker's GPUs together"
    yield by_worker("gpu_memory_bytes", gpu_bytes, lambda one: sum(gpu.num_bytes for gpu in one.gpus))
    for name, told in _COUNTED.items():
        counter = CounterMetricFamily(f"tuneyard_worker_{name}", f"{told}, since a worker started", labels=["worker"])
        for one in found.workers:
            counter.add_metric([one.name], one.tallies.get(name, 0))
        yield counter


def _of_storage(folder: Path | None) -> Iterator[Metric]:
    """Of a bucket nothing is known."""
    try:
        disk = None if folder is None else shutil.disk_usage(folder)
    except OSError as error:
        log.warning("the storage does not answer: %s", error)
        disk = None
    yield _gauge("storage_size_bytes", "Of the disk that the storage is on", disk and disk.total)
    yield _gauge("storage_free_bytes", "Free on that disk", disk and disk.free)


def _gauge(name: str, told: str, value: float | None) -> Metric:
    """Without a sample where there is no value."""
    return GaugeMetricFamily(f"tuneyard_{name}", told, value=value)


def _by(name: str, told: str, label: str, values: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(f"tuneyard_{name}", told, labels=[label])
    for value, number in values.items():
        family.add_metric([str(value)], number)
    return family
