"""A broker that repeats, forgets, hangs up or can write no more: jobs neither wait for long nor run twice."""

import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import func, select

from client.broker import Broker
from client.processes import Role
from store.tables import Attempt, Job
from tests.chaos.instance import Instance, open_folder
from tests.chaos.plan import undisturbed
from tests.chaos.scenario import Scenario, carried_out
from tests.patience import PATIENCE_SECONDS, until
from tests.unit.bearing import bearer

SWEEP_SECONDS = {"default": 5.0, "here": 1.0}
ENDLESS = 100_000
QUEUE = "tuneyard:tuneyard"
STARTED = (Job.started_at, Job.priority.desc())
"""The order in which jobs were started; two of one moment were claimed in this one."""


def num_attempts(scenario: Scenario) -> int:
    with scenario.database.reading() as session:
        return session.scalars(select(func.count()).select_from(Attempt)).one()


def waiting_seconds(scenario: Scenario, job_id: str) -> float:
    """From a job's submission to its start."""
    with scenario.database.reading() as session:
        job = session.get_one(Job, job_id)
        assert job.started_at is not None
        return (job.started_at - job.created_at).total_seconds()


@pytest.mark.long
def test_a_thousand_rings_for_one_job_are_one_attempt(scenario: Scenario) -> None:
    with scenario.queued_unheard(1) as job_ids:
        while (num_rings := scenario.redis.llen(QUEUE)) < 1_000:  # one that the broker is too slow for is dropped
            scenario.doorbell.ring()

    jobs = scenario.ended(job_ids)

    until(lambda: scenario.redis.llen(QUEUE) == 0)  # answered, or too old after 30 s
    print(f"R3: {num_rings} rings for one job, {jobs[0].attempt} attempt")
    assert num_rings >= 1_000
    assert [job.status for job in jobs] == ["succeeded"]
    assert scenario.done_twice(jobs) == []


def test_rings_for_no_job_do_nothing(scenario: Scenario) -> None:
    before = num_attempts(scenario)

    for _ in range(50):
        scenario.doorbell.ring()

    until(lambda: scenario.redis.llen(QUEUE) == 0)
    until(lambda: not scenario.instance.by_role().get(Role.RUNNER))  # that of the job before may be ending
    assert num_attempts(scenario) == before


@pytest.mark.long
def test_jobs_start_though_the_broker_has_forgotten_every_ring(scenario: Scenario) -> None:
    before = num_attempts(scenario)
    with scenario.queued_unheard(50) as job_ids:
        for _ in job_ids:
            scenario.doorbell.ring()
        num_lost = scenario.redis.llen(QUEUE)
        scenario.redis.flushall()

    thawed_at = time.monotonic()
    until(lambda: num_attempts(scenario) > before)
    first_seconds = time.monotonic() - thawed_at
    jobs = scenario.ended(job_ids)

    by_default = first_seconds + SWEEP_SECONDS["default"] - SWEEP_SECONDS["here"]
    print(
        f"R4: {num_lost} rings lost, first start after {first_seconds:.2f} s; at 5 s a sweep at most {by_default:.2f} s"
    )
    assert {job.status for job in jobs} == {"succeeded"}
    assert scenario.done_twice(jobs) == []


@pytest.mark.long
def test_no_job_runs_twice_while_connections_to_the_broker_are_cut(scenario: Scenario) -> None:
    job_ids, num_cut = [], 0
    for _ in range(30):
        job_ids += [scenario.submit(40), scenario.submit(20)]
        num_cut += scenario.redis.client_kill_filter(skipme=True)
        time.sleep(2)

    jobs = scenario.ended(job_ids)

    print(f"R5: {num_cut} connections cut, {len(jobs)} jobs, {len(scenario.done_twice(jobs))} done twice")
    assert num_cut > 30
    assert {job.status for job in jobs} == {"succeeded"}
    assert scenario.done_twice(jobs) == []


@pytest.mark.long
def test_the_job_of_highest_priority_starts_next(scenario: Scenario) -> None:
    busy = [scenario.submit(ENDLESS) for _ in range(scenario.instance.plan.num_workers)]
    scenario.until_running(busy)
    low = [scenario.submit(1) for _ in range(20)]
    high = scenario.submit(1, priority=1)
    for job_id in [*low, high]:
        until(lambda: scenario.client.jobs.retrieve(job_id).status == "queued")  # noqa: B023 - called at once

    for job_id in busy:
        scenario.client.jobs.cancel(job_id)
    scenario.ended([*low, high])

    with scenario.database.reading() as session:
        order = session.scalars(select(Job.id).where(Job.id.in_([*low, high])).order_by(*STARTED)).all()
    print(f"R27: the high job was started as number {order.index(high) + 1} of {len(order)}")
    assert order[0] == high


@pytest.mark.long
def test_a_short_job_does_not_wait_behind_a_long_one(scenario: Scenario) -> None:
    long = scenario.submit(ENDLESS)
    scenario.until_running([long])
    seconds = []
    for _ in range(10):
        short = scenario.submit(20)
        scenario.ended([short])
        seconds.append(waiting_seconds(scenario, short))
    is_still_running = scenario.client.jobs.retrieve(long).status == "running"
    scenario.client.jobs.cancel(long)
    scenario.ended([long])

    print(f"R28: ten jobs of 1 s beside a long one started after at most {max(seconds):.2f} s")
    assert is_still_running


class LimitableBroker(Broker):
    """One that is told, and not killed, when a file may grow no more: as on a full disk."""

    @property
    def command(self) -> list[str]:
        # Python ignores SIGXFSZ, and what it becomes inherits that.
        become = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
        return [sys.executable, "-c", become, *super().command]


@pytest.fixture(params=["sqlite", "postgresql"])
def limitable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scenario]:
    folder = open_folder(tmp_path / "instance")
    with carried_out(Instance(folder, undisturbed(request.param), LimitableBroker())) as scenario:
        yield scenario


@pytest.mark.long
def test_a_broker_that_cannot_write_ends_no_job_and_refuses_none(limitable: Scenario) -> None:
    before = limitable.instance.by_role()
    [broker] = before[Role.BROKER]
    _, unlimited = broker.rlimit(resource.RLIMIT_FSIZE)
    running = limitable.submit(200)
    until(lambda: limitable.client.jobs.retrieve(running).progress)

    broker.rlimit(resource.RLIMIT_FSIZE, (1, unlimited))
    url, key = f"{limitable.client.url}/jobs", bearer(limitable.instance.api_key)
    answers = [
        httpx2.post(url, json=limitable.spec(1), headers=key, timeout=PATIENCE_SECONDS, trust_env=False)
        for _ in range(5)
    ]
    [ran_on] = limitable.ended([running])
    num_hindered = until(lambda: num_told_of("MISCONF", limitable))
    broker.rlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
    freed_at = time.monotonic()
    jobs_waiting = [answer.json()["id"] for answer in answers]
    until(lambda: any(limitable.client.jobs.retrieve(one).started_at for one in jobs_waiting))
    seconds = time.monotonic() - freed_at
    jobs = limitable.ended(jobs_waiting)

    print(
        f"R7: {num_hindered} of 3 workers met MISCONF; a job that waited started {seconds:.1f} s after there was room"
    )
    assert {answer.status_code for answer in answers} == {201}
    assert limitable.instance.by_role()[Role.WORKER] == before[Role.WORKER]
    assert {job.status for job in [ran_on, *jobs]} == {"succeeded"}
    assert limitable.done_twice([ran_on, *jobs]) == []


def num_told_of(word: str, scenario: Scenario) -> int:
    """Workers in whose logs it stands."""
    return sum(word in log.read_text() for log in scenario.instance.folder.glob("logs/worker-*.log"))
