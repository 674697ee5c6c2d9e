"""What befalls those who train, one fault at a time, on the real service with short leases: what was seen, and bounds.

A lease lasts twenty seconds here, more than a machine stands still, and ninety in production.
"""

import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import psutil
import pytest

from client.processes import Role
from client.views import Job
from tests.chaos.instance import Instance, open_folder
from tests.chaos.plan import undisturbed
from tests.chaos.scenario import Scenario, carried_out
from tests.chaos.witness import Seen
from tests.patience import until

pytestmark = pytest.mark.long
LEASE_SECONDS = 20.0
TRUSTED_SECONDS = LEASE_SECONDS * 5 / 6
ENDLESS = 100_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """A service with one worker of one slot."""
    plan = replace(undisturbed(request.param), num_workers=1, lease_seconds=LEASE_SECONDS)
    with carried_out(Instance(open_folder(tmp_path_factory.mktemp("scene")), plan)) as scene:
        yield scene


def ended(scene: Scenario, job_id: str) -> Job:
    (job,) = scene.ended([job_id])
    return job


def finished(scene: Scenario, job_id: str) -> Job:
    """The job once it has ended, as it was told to do after its current step."""
    scene.client.jobs.stop_and_save(job_id)
    return ended(scene, job_id)


def until_further(scene: Scenario, job_id: str) -> None:
    """Wait until a hundred steps more are on record."""
    goal = len(scene.steps(job_id)) + 100
    until(lambda: (now := scene.client.jobs.retrieve(job_id).progress) and now.step >= goal)


def gap(earlier: list[Seen], later: list[Seen]) -> float:
    """Seconds from the last step of an attempt to the first of the next."""
    return later[0].at - earlier[-1].at


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_killed_worker_costs_no_step(scene: Scenario) -> None:
    job_id = scene.training(ENDLESS)

    scene.process(Role.WORKER).kill()
    until(lambda: scene.instance.by_role().get(Role.WORKER))
    until_further(scene, job_id)
    job = finished(scene, job_id)

    steps = scene.steps(job_id)
    longest = max(later.at - earlier.at for earlier, later in pairwise(steps))
    print(f"R8: longest pause between two steps {longest:.2f} s")
    assert (job.status, job.attempt) == ("succeeded", 1)
    assert [one.step for one in steps] == list(range(1, len(steps) + 1))


def test_a_killed_runner_costs_what_its_last_checkpoint_did_not_hold(scene: Scenario) -> None:
    job_id = scene.training(ENDLESS)
    trainer = scene.process(Role.TRAINER)

    killed_at = time.monotonic()
    scene.process(Role.RUNNER).kill()
    until(lambda: is_gone(trainer))
    gone_seconds = time.monotonic() - killed_at
    checkpoint, *_ = scene.client.jobs.checkpoints(job_id)
    until(lambda: scene.steps(job_id, 2))
    job = finished(scene, job_id)

    first, second = (scene.steps(job_id, attempt) for attempt in (1, 2))
    redone = first[-1].step - second[0].step + 1
    print(f"R9: trainer gone after {gone_seconds:.2f} s, next step after {gap(first, second):.1f} s, {redone} redone")
    assert (job.status, job.attempt) == ("succeeded", 2)
    assert second[0].step == checkpoint.step + 1
    assert not any(
        "sign of life" in event.message for event in scene.client.jobs.events(job_id)
    )  # no lease was waited for


def test_a_frozen_runner_loses_its_trainer_before_its_lease_and_its_job_after(scene: Scenario) -> None:
    job_id = scene.training(ENDLESS)
    trainer, runner = scene.process(Role.TRAINER), scene.process(Role.RUNNER)

    runner.suspend()
    frozen_at = time.monotonic()
    until(lambda: is_gone(trainer))
    gone_seconds = time.monotonic() - frozen_at
    until(lambda: scene.client.jobs.retrieve(job_id).status == "queued")
    queued_seconds = time.monotonic() - frozen_at
    runner.resume()
    until(lambda: is_gone(runner))
    until(lambda: scene.steps(job_id, 2))
    job = finished(scene, job_id)

    first, second = (scene.steps(job_id, attempt) for attempt in (1, 2))
    print(f"R10: lease {LEASE_SECONDS} s, trainer gone after {gone_seconds:.1f} s, queued after {queued_seconds:.1f} s")
    assert first[-1].at - frozen_at < TRUSTED_SECONDS + 0.5
    assert gap(first, second) > 0
    assert (job.status, job.attempt) == ("succeeded", 2)


def test_a_database_that_is_away_for_less_than_the_trusted_time_costs_nothing(scene: Scenario) -> None:
    job_id = scene.training(ENDLESS)

    scene.instance.database.hurt(scene.instance.database.faults[-1], 1.5)
    until_further(scene, job_id)
    job = finished(scene, job_id)

    (loss,) = scene.client.jobs.metrics(job_id, "loss")
    steps = scene.steps(job_id)
    longest = max(later.at - earlier.at for earlier, later in pairwise(steps))
    print(f"R11: longest pause between two steps {longest:.2f} s, {len(loss.steps)} points of {len(steps)}")
    assert (job.status, job.attempt) == ("succeeded", 1)
    assert loss.steps == [one.step for one in steps] == list(range(1, len(steps) + 1))


def test_a_database_that_is_away_for_long_costs_a_checkpoint_interval_and_no_charge(scene: Scenario) -> None:
    job_id = scene.training(ENDLESS)
    trainer = scene.process(Role.TRAINER)

    away_at = time.monotonic()
    scene.instance.database.hurt(scene.instance.database.faults[-1], 3 * LEASE_SECONDS)
    until(lambda: is_gone(trainer))
    gone_seconds = time.monotonic() - away_at
    until(lambda: scene.steps(job_id, 2))
    job = finished(scene, job_id)

    first, second = (scene.steps(job_id, attempt) for attempt in (1, 2))
    redone = first[-1].step - second[0].step + 1
    (loss,) = scene.client.jobs.metrics(job_id, "loss")
    print(f"R12: trainer gone after {gone_seconds:.1f} s, next step after {gap(first, second):.1f} s, {redone} redone")
    assert (job.status, job.attempt) == ("succeeded", 2)
    assert loss.steps == list(range(1, second[-1].step + 1))
    assert not any("sign of life" in event.message for event in scene.client.jobs.events(job_id))


def test_a_worker_that_is_told_to_end_saves_its_job_and_is_charged_nothing(scene: Scenario) -> None:
    job_id = scene.training(ENDLESS)
    worker = scene.process(Role.WORKER)

    told_at = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    until(lambda: is_gone(worker))
    seconds = time.monotonic() - told_at
    until(lambda: scene.steps(job_id, 2))
    job = finished(scene, job_id)

    first, second = (scene.steps(job_id, attempt) for attempt in (1, 2))
    print(f"R16: the worker ended after {seconds:.1f} s")
    assert (job.status, job.attempt) == ("succeeded", 2)
    assert second[0].step == first[-1].step + 1
    assert any("The worker is stopping" in event.message for event in scene.client.jobs.events(job_id))


@pytest.mark.parametrize("state", ["queued", "running", "paused", "frozen trainer"])
def test_a_job_is_cancelled_and_leaves_nothing(scene: Scenario, state: str) -> None:
    busy_id = scene.training(ENDLESS) if state == "queued" else None
    job_id = scene.submit(ENDLESS) if busy_id else scene.training(ENDLESS)
    bring_about(scene, job_id, state)

    asked_at = time.monotonic()
    answered = scene.client.jobs.cancel(job_id)
    job = ended(scene, job_id)
    seconds = time.monotonic() - asked_at
    if busy_id:
        scene.client.jobs.cancel(busy_id)
        ended(scene, busy_id)

    print(f"R15: a job that was {state} was cancelled after {seconds:.2f} s")
    assert job.status == "cancelled"
    assert answered.status == ("running" if state in {"running", "frozen trainer"} else "cancelled")
    until(lambda: not {"runner", "trainer"} & set(scene.instance.by_role()))


def bring_about(scene: Scenario, job_id: str, state: str) -> None:
    if state == "queued":
        until(lambda: scene.client.jobs.retrieve(job_id).status == "queued")
    elif state == "paused":
        scene.client.jobs.pause(job_id)
        until(lambda: scene.client.jobs.retrieve(job_id).status == "paused")
    elif state == "frozen trainer":
        scene.process(Role.TRAINER).suspend()
