"""Many at once, for long: claims, requests, jobs."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles

import httpx2
import pytest
from alembic import command

from migrations.__main__ import config
from store.database import Database
from tests.chaos.claiming import add_queued, race
from tests.chaos.databases import SERVERS
from tests.chaos.load import Answer, at_pace
from tests.chaos.scenario import Scenario

LOAD_SECONDS = float(os.environ.get("TUNEYARD_LOAD_SECONDS", "60"))
SOAK_SECONDS = float(os.environ.get("TUNEYARD_SOAK_SECONDS", "240"))
CONNECT_SECONDS = 300
"""A server that stands still is waited for: none is away here."""


def percentile(values: Sequence[float], hundredth: int) -> float:
    return quantiles(values, n=100, method="inclusive")[hundredth - 1]


@pytest.fixture
def migrated(kind: str, tmp_path: Path) -> Iterator[Database]:
    """An empty database on a server of its own."""
    server = SERVERS[kind](tmp_path)
    url = server.url if kind == "sqlite" else f"{server.url}&connect_timeout={CONNECT_SECONDS}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEYARD_DATABASE_URL", url)
        command.upgrade(config(), "head")
    database = Database(url)
    yield database
    database.close()
    server.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("num_processes", "num_jobs"), [(8, 300), pytest.param(32, 3_000, marks=pytest.mark.long)], ids=["few", "many"]
)
def test_of_processes_that_race_for_jobs_each_gets_others(
    kind: str, num_processes: int, num_jobs: int, migrated: Database
) -> None:
    job_ids = add_queued(migrated, num_jobs)
    url = migrated.engine.url.render_as_string(hide_password=False)

    claimed = race(url, num_processes)

    seconds = [took for one in claimed for took in one.seconds]
    p50, p99 = percentile(seconds, 50), percentile(seconds, 99)
    print(
        f"R22: {kind}, {num_processes} processes, {num_jobs} jobs: "
        f"p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, max {max(seconds) * 1e3:.0f} ms"
    )
    assert sorted(job_id for one in claimed for job_id in one.job_ids) == job_ids


async def answers(scenario: Scenario, seconds: float) -> tuple[list[Answer], list[Answer]]:
    """Of 100 GETs and of 20 POSTs a second."""
    # Slots that are taken, as by training that lasts: what is measured is not how fast processes can be started.
    busy = [scenario.submit(100_000) for _ in range(scenario.instance.plan.num_workers)]
    scenario.until_running(busy)
    job_id = busy[0]
    paths = [f"/jobs/{job_id}", "/jobs?limit=20", f"/jobs/{job_id}/events", f"/jobs/{job_id}/metrics?name=loss"]

    async def get(client: httpx2.AsyncClient, number: int) -> httpx2.Response:
        return await client.get(paths[number % len(paths)])

    async def post(client: httpx2.AsyncClient, _: int) -> httpx2.Response:
        return await client.post("/jobs", json=scenario.spec(1))

    url = scenario.client.url
    gets, posts = await asyncio.gather(at_pace(url, get, 100, seconds), at_pace(url, post, 20, seconds))
    return gets, posts


@pytest.mark.long
def test_under_load_every_request_is_answered(own_scenario: Scenario) -> None:
    gets, posts = asyncio.run(answers(own_scenario, LOAD_SECONDS))

    for name, answered in (("GET", gets), ("POST", posts)):
        took = [answer.seconds * 1e3 for answer in answered]
        statuses = dict(Counter(answer.status for answer in answered))
        print(f"R23: {name} {statuses}: p50 {percentile(took, 50):.0f} ms, p95 {percentile(took, 95):.0f} ms")
    assert {answer.status for answer in gets} == {200}
    assert {answer.status for answer in posts} == {201}


def grown(samples: Sequence[dict[str, int]]) -> dict[str, float]:
    """By what part each grew from the second third, the first of them being warm-up, to the third."""
    third = len(samples) // 3
    before, after = samples[third : 2 * third], samples[2 * third :]
    return {name: median(one[name] for one in after) / median(one[name] for one in before) - 1 for name in samples[0]}


@pytest.mark.long
def test_memory_and_open_files_stay_what_they_are_after_many_jobs(scenario: Scenario) -> None:
    memory, files, job_ids = [], [], []
    until = time.monotonic() + SOAK_SECONDS
    while time.monotonic() < until:
        if sum(not job.has_ended for job in scenario.client.jobs.list()) < 6:
            job_ids += [scenario.submit(1) for _ in range(6)]
        memory.append(scenario.instance.resident_bytes())
        files.append(scenario.instance.open_files())
        time.sleep(1)
    jobs = scenario.ended(job_ids)

    by_memory, by_files = grown(memory), grown(files)
    print(
        f"R21: {len(jobs)} jobs in {SOAK_SECONDS:.0f} s; memory grew by {shown(by_memory)}; files by {shown(by_files)}"
    )
    assert {job.status for job in jobs} == {"succeeded"}
    assert max(by_memory.values()) < 0.05
    assert max(by_files.values()) <= 0.05


def shown(growth: dict[str, float]) -> str:
    return ", ".join(f"{name} {part:+.1%}" for name, part in growth.items())
