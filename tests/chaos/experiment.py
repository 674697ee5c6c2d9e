"""One chaos run from start to end: jobs are submitted while parts die, are given time, and are judged."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from client import Tuneyard
from client.errors import TuneyardError
from store.database import Database
from store.files import Storage
from store.lifecycle import ENDED
from tests.chaos.faults import Chaos, Fault
from tests.chaos.instance import Instance
from tests.chaos.plan import ROW, Plan, spec_of
from tests.chaos.verdict import Verdict, judge
from tests.chaos.witness import read
from tests.patience import PATIENCE_SECONDS

_TICK_SECONDS = 0.1
_MAX_MORE_FILES = 24
"""Connections that a part may keep open after a storm, more than it began with."""


@dataclass(frozen=True)
class Outcome:
    """What a run was and what came out."""

    plan: Plan
    faults: list[Fault]
    verdict: Verdict
    seconds: float
    recovery_seconds: float
    """From the last fault until every job had ended."""

    @property
    def has_passed(self) -> bool:
        """True if nothing is wrong; of the ablation, if it shows what the switch is for."""
        if not self.plan.has_switch:
            return bool(self.verdict.job_overlaps)
        return not self.verdict.wrong

    @property
    def by_role_and_kind(self) -> Counter[tuple[str, str]]:
        """Number of faults."""
        return Counter((fault.role, fault.kind) for fault in self.faults)

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1))


def carry_out(plan: Plan, folder: Path) -> Outcome:
    """Run the service under faults in an empty folder; none of its processes is left afterwards."""
    instance = Instance(folder, plan)
    begun_at = time.monotonic()
    try:
        instance.start()
        return _experiment(instance, begun_at)
    finally:
        instance.destroy()


def _experiment(instance: Instance, begun_at: float) -> Outcome:
    plan = instance.plan
    open_before = instance.open_files()
    submitter = Submitter(instance)
    _tend(instance, None, until=time.monotonic() + PATIENCE_SECONDS, done=instance.witness_path.exists)
    chaos = Chaos(instance)
    _tend(instance, chaos, until=time.monotonic() + plan.seconds)
    chaos.heal()
    instance.database.heal()
    healed_at = time.monotonic()
    database = Database(instance.database.url)
    _tend(instance, None, until=healed_at + plan.recovery_seconds, done=submitter.have_all_ended)
    recovery_seconds = time.monotonic() - healed_at
    submitter.join()
    verdict = judge(
        plan, database, Storage(instance.folder / "storage"), read(instance.witness_path), submitter.job_ids
    )
    verdict.wrong += submitter.wrong
    if verdict.num_redone_steps > (bound := _redone_bound(plan, verdict)):
        verdict.wrong.append(f"{verdict.num_redone_steps} steps were done again, more than {bound}")
    verdict.wrong += [
        f"{name} has {num} files open, {open_before[name]} at first"
        for name, num in instance.open_files().items()
        if num > open_before[name] + _MAX_MORE_FILES
    ]
    database.close()
    if orphans := instance.stop():
        verdict.wrong.append(f"left when every part was stopped: {', '.join(orphans)}")
    return Outcome(plan, chaos.faults, verdict, time.monotonic() - begun_at, recovery_seconds)


def _redone_bound(plan: Plan, verdict: Verdict) -> int:
    """A checkpoint interval an interruption, and what a lease lasts for: what was saved may not have been recorded.

    Faults do not tell how many there were: a machine that stands still interrupts as well.
    """
    return (plan.checkpoint_every + plan.steps_in_a_lease) * len(verdict.redone_by_interruption)


def _tend(instance: Instance, chaos: Chaos | None, *, until: float, done: Callable[[], bool] = lambda: False) -> None:
    for turn in count():
        instance.tend()
        if chaos is not None:
            chaos.tend()
        if time.monotonic() >= until or (turn % 10 == 0 and done()):
            return
        time.sleep(_TICK_SECONDS)


class Submitter:
    """Submits the jobs one by one over the time of the faults, as a patient client."""

    def __init__(self, instance: Instance) -> None:
        self.job_ids: list[str] = []
        self.wrong: list[str] = []
        self._instance = instance
        self._thread = threading.Thread(target=self._submit_all, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until all are submitted."""
        self._thread.join(PATIENCE_SECONDS)
        if self._thread.is_alive():
            self.wrong.append("jobs are still being submitted")

    def have_all_ended(self) -> bool:
        """Ask the service."""
        if self._thread.is_alive():
            return False
        try:
            with Tuneyard(self._instance.url, api_key=self._instance.api_key, patience_seconds=5) as tuneyard:
                return all(job.status in ENDED for job in tuneyard.jobs.list())
        except TuneyardError:
            return False

    def _submit_all(self) -> None:
        plan = self._instance.plan
        rows = self._instance.folder / "train.jsonl"
        rows.write_text(f"{json.dumps(ROW)}\n" * 8)
        pause_seconds = plan.seconds / 2 / plan.num_jobs
        with Tuneyard(
            self._instance.url, api_key=self._instance.api_key, patience_seconds=PATIENCE_SECONDS
        ) as tuneyard:
            dataset = self._persist(lambda: tuneyard.datasets.upload(rows).id)
            for number in range(plan.num_jobs):
                spec = spec_of(plan, dataset, plan.num_steps) | {"metadata": {"number": str(number)}}
                try:
                    self.job_ids.append(tuneyard.jobs.create(spec).id)
                except TuneyardError as error:
                    self.wrong.append(f"job {number} could not be submitted: {error}")
                time.sleep(pause_seconds)

    def _persist(self, upload: Callable[[], str]) -> str:
        """An upload is not repeated by the client: a body may be large."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return upload()
            except TuneyardError:
                if time.monotonic() > until:
                    raise
