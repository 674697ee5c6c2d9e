"""What befalls those who train, one fault at a time, on the real service with short leases: what was seen, and bounds.

A lease lasts nine seconds here and ninety in production; bounds that follow from the lease are told in leases.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from client.tuneyard import Tuneyard
from client.views import Job
from tests.chaos import witness
from tests.chaos.instance import Instance
from tests.chaos.plan import Plan
from tests.chaos.witness import Seen

pytestmark = pytest.mark.long
ROW = '{"messages": [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": "This."}]}\n'
CHECKPOINT_EVERY = 20
LEASE_SECONDS = 9.0
TRUSTED_SECONDS = LEASE_SECONDS * 5 / 6
T = TypeVar("T")


class Scene:
    """A service with one worker of one slot, and what happens on it."""

    def __init__(self, instance: Instance, tuneyard: Tuneyard) -> None:
        self.instance = instance
        self.tuneyard = tuneyard
        rows = instance.folder / "rows.jsonl"
        rows.write_text(ROW * 8)
        self._dataset = tuneyard.upload(rows).id

    def submit(self, num_steps: int) -> str:
        spec = {
            "base_model": "starter",
            "train_dataset": self._dataset,
            "hyperparameters": {"num_epochs": 1000, "max_steps": num_steps, "batch_size": 8},
            "checkpointing": {"every": CHECKPOINT_EVERY},
        }
        return self.tuneyard.submit(spec).id

    def training(self, num_steps: int) -> str:
        """A job that has come past its first checkpoint."""
        job_id = self.submit(num_steps)
        self.until(lambda: self.tuneyard.checkpoints(job_id), 60)
        return job_id

    def until(self, look: Callable[[], T], seconds: float) -> T:
        """What `look` gives once it is true."""
        deadline = time.monotonic() + seconds
        while not (found := look()):
            assert time.monotonic() < deadline, f"not within {seconds} s"
            time.sleep(0.05)
        return found

    def ended(self, job_id: str, seconds: float = 90) -> Job:
        self.until(lambda: self.tuneyard.job(job_id).has_ended, seconds)
        return self.tuneyard.job(job_id)

    def process(self, role: str) -> psutil.Process:
        (found,) = self.instance.by_role()[role]
        return found

    def steps(self, job_id: str, attempt: int | None = None) -> list[Seen]:
        seen = witness.read(self.instance.witness_path)
        return [one for one in seen if one.job_id == job_id and attempt in {None, one.attempt}]

    def has_begun(self, job_id: str, attempt: int) -> bool:
        return bool(self.steps(job_id, attempt))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = Path(tmp_path_factory.mktemp("instance")).resolve()
    plan = Plan(
        seed=0,
        seconds=0,
        recovery_seconds=0,
        database=request.param,
        num_workers=1,
        num_slots=1,
        lease_seconds=LEASE_SECONDS,
    )
    instance = Instance(folder, plan)
    try:
        instance.start()
        with tended(instance), Tuneyard(instance.url, patience_seconds=30) as tuneyard:
            yield Scene(instance, tuneyard)
    finally:
        instance.destroy()


@contextmanager
def tended(instance: Instance) -> Iterator[None]:
    """What dies is started again, however long a test waits for an answer."""
    is_over = threading.Event()

    def tend() -> None:
        while not is_over.wait(0.1):
            instance.tend()

    thread = threading.Thread(target=tend)
    thread.start()
    yield
    is_over.set()
    thread.join()


def gap(earlier: list[Seen], later: list[Seen]) -> float:
    """Seconds from the last step of an attempt to the first of the next."""
    return later[0].at - earlier[-1].at


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_killed_worker_costs_no_step(scene: Scene) -> None:
    job_id = scene.training(120)

    scene.process("worker").kill()
    job = scene.ended(job_id)

    longest = max(later.at - earlier.at for earlier, later in pairwise(scene.steps(job_id)))
    print(f"R8: longest pause between two steps {longest:.2f} s")
    assert (job.status, job.attempt) == ("succeeded", 1)
    assert longest < 2


def test_a_killed_runner_costs_what_its_last_checkpoint_did_not_hold(scene: Scene) -> None:
    job_id = scene.training(150)
    trainer = scene.process("trainer")

    killed_at = time.monotonic()
    scene.process("runner").kill()
    scene.until(lambda: is_gone(trainer), 5)
    gone_seconds = time.monotonic() - killed_at
    job = scene.ended(job_id)

    first, second = (scene.steps(job_id, attempt) for attempt in (1, 2))
    redone = first[-1].step - second[0].step + 1
    print(f"R9: trainer gone after {gone_seconds:.2f} s, next step after {gap(first, second):.1f} s, {redone} redone")
    assert (job.status, job.attempt) == ("succeeded", 2)
    assert gap(first, second) < 95
    assert 0 <= redone <= 2 * CHECKPOINT_EVERY


def test_a_frozen_runner_loses_its_trainer_before_its_lease_and_its_job_after(scene: Scene) -> None:
    job_id = scene.training(150)
    trainer, runner = scene.process("trainer"), scene.process("runner")

    frozen_at = time.monotonic()
    runner.suspend()
    scene.until(lambda: is_gone(trainer), LEASE_SECONDS + 2)
    gone_seconds = time.monotonic() - frozen_at
    scene.until(lambda: scene.tuneyard.job(job_id).status == "queued", 8 * LEASE_SECONDS)
    queued_seconds = time.monotonic() - frozen_at
    runner.resume()
    scene.until(lambda: is_gone(runner), 10)
    job = scene.ended(job_id)

    first, second = (scene.steps(job_id, attempt) for attempt in (1, 2))
    print(f"R10: lease {LEASE_SECONDS} s, trainer gone after {gone_seconds:.1f} s, queued after {queued_seconds:.1f} s")
    assert first[-1].at - frozen_at < TRUSTED_SECONDS + 0.5
    assert gap(first, second) > 0
    assert (job.status, job.attempt) == ("succeeded", 2)


def test_a_database_that_is_away_for_less_than_the_trusted_time_costs_nothing(scene: Scene) -> None:
    job_id = scene.training(200)

    scene.instance.database.hurt(scene.instance.database.faults[-1], 1.5)
    job = scene.ended(job_id)

    (loss,) = scene.tuneyard.metrics(job_id, "loss")
    longest = max(later.at - earlier.at for earlier, later in pairwise(scene.steps(job_id)))
    print(f"R11: longest pause between two steps {longest:.2f} s, {len(loss.steps)} points of 200")
    assert (job.status, job.attempt) == ("succeeded", 1)
    assert loss.steps == list(range(1, 201))


def test_a_database_that_is_away_for_long_costs_a_checkpoint_interval_and_no_charge(scene: Scene) -> None:
    job_id = scene.training(200)
    trainer = scene.process("trainer")

    away_at = time.monotonic()
    scene.instance.database.hurt(scene.instance.database.faults[-1], 3 * LEASE_SECONDS)
    scene.until(lambda: is_gone(trainer), 2 * LEASE_SECONDS)
    gone_seconds = time.monotonic() - away_at
    job = scene.ended(job_id)

    first, second = (scene.steps(job_id, attempt) for attempt in (1, 2))
    redone = first[-1].step - second[0].step + 1
    (loss,) = scene.tuneyard.metrics(job_id, "loss")
    print(f"R12: trainer gone after {gone_seconds:.1f} s, next step after {gap(first, second):.1f} s, {redone} redone")
    assert (job.status, job.attempt) == ("succeeded", 2)
    assert loss.steps == list(range(1, 201))
    assert not any("sign of life" in event.message for event in scene.tuneyard.events(job_id))


def test_a_worker_that_is_told_to_end_saves_its_job_and_is_charged_nothing(scene: Scene) -> None:
    job_id = scene.training(200)
    worker = scene.process("worker")

    told_at = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    scene.until(lambda: is_gone(worker), 65)
    seconds = time.monotonic() - told_at
    job = scene.ended(job_id)

    first, second = (scene.steps(job_id, attempt) for attempt in (1, 2))
    print(f"R16: the worker ended after {seconds:.1f} s")
    assert (job.status, job.attempt) == ("succeeded", 2)
    assert second[0].step == first[-1].step + 1
    assert any("The worker is stopping" in event.message for event in scene.tuneyard.events(job_id))


@pytest.mark.parametrize("state", ["queued", "running", "paused", "frozen trainer"])
def test_a_job_is_cancelled_in_time_and_leaves_nothing(scene: Scene, state: str) -> None:
    busy_id = scene.training(4000) if state == "queued" else None
    job_id = scene.submit(4000) if busy_id else scene.training(4000)
    bring_about(scene, job_id, state)

    asked_at = time.monotonic()
    scene.tuneyard.cancel(job_id)
    job = scene.ended(job_id, 30)
    seconds = time.monotonic() - asked_at
    if busy_id:
        scene.tuneyard.cancel(busy_id)
        scene.ended(busy_id, 30)

    print(f"R15: a job that was {state} was cancelled after {seconds:.2f} s")
    assert job.status == "cancelled"
    assert seconds < (20 if state in {"running", "frozen trainer"} else 1)
    scene.until(lambda: not {"runner", "trainer"} & set(scene.instance.by_role()), 10)


def bring_about(scene: Scene, job_id: str, state: str) -> None:
    if state == "queued":
        scene.until(lambda: scene.tuneyard.job(job_id).status == "queued", 30)
    elif state == "paused":
        scene.tuneyard.pause(job_id)
        scene.until(lambda: scene.tuneyard.job(job_id).status == "paused", 30)
    elif state == "frozen trainer":
        scene.process("trainer").suspend()
