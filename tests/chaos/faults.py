"""What befalls the processes of an instance, at random times, by seeded dice."""

import random
import time
from contextlib import suppress
from dataclasses import dataclass

import psutil

from tests.chaos.instance import Instance

_WEIGHTS = {"api": 1, "broker": 1, "database": 1, "worker": 1, "runner": 4, "trainer": 2}
"""Nothing starts while the broker is away, and nothing is written while the database is: mostly they are there."""
_KINDS = ("kill", "freeze")
_SHORTEST_SECONDS = 1.0
_LONGEST_SECONDS = {"runner": 24.0, "database": 5.0}
"""A runner's: longer than a lease, the pause after it and the next attempt's start: meanwhile another one trains."""
_LONG_SECONDS = 9.0


@dataclass(frozen=True)
class Fault:
    """Something that befell a part."""

    at: float
    """Seconds of the monotonic clock."""
    role: str
    kind: str
    seconds: float
    """How long it lasted; 0 if a process was killed."""


class Chaos:
    """Faults, one after another."""

    def __init__(self, instance: Instance) -> None:
        self.faults: list[Fault] = []
        self._instance = instance
        self._dice = random.Random(instance.plan.seed)  # noqa: S311 - dice, no secrets
        self._frozen: list[tuple[float, psutil.Process]] = []
        self._next_at = time.monotonic() + self._pause_seconds()

    def tend(self) -> None:
        """Let the next fault happen if it is its time, and thaw what has been frozen for long enough."""
        now = time.monotonic()
        self._thaw(now)
        if now >= self._next_at:
            self._strike()
            self._next_at = now + self._pause_seconds()

    def heal(self) -> None:
        """No process stays frozen."""
        self._thaw(float("inf"))

    def _strike(self) -> None:
        found = self._instance.by_role()
        roles = self._instance.plan.roles
        [role] = self._dice.choices(roles, [_WEIGHTS[role] for role in roles])
        if role != "database" and not found.get(role):
            return
        kind = self._dice.choice(self._instance.database.faults if role == "database" else _KINDS)
        is_over_at_once = kind == "kill" and role != "database"
        longest_seconds = _LONGEST_SECONDS.get(role, _LONG_SECONDS)
        seconds = 0.0 if is_over_at_once else self._dice.uniform(_SHORTEST_SECONDS, longest_seconds)
        if role == "database":
            self._instance.database.hurt(kind, seconds)
        else:
            self._befall(self._dice.choice(found[role]), kind, seconds)
        self.faults.append(Fault(time.monotonic(), role, kind, seconds))

    def _befall(self, process: psutil.Process, kind: str, seconds: float) -> None:
        with suppress(psutil.NoSuchProcess):
            if kind == "kill":
                process.kill()
                return
            process.suspend()
            self._frozen.append((time.monotonic() + seconds, process))

    def _thaw(self, now: float) -> None:
        for due_at, process in tuple(self._frozen):
            if due_at <= now:
                with suppress(psutil.NoSuchProcess):
                    process.resume()
                self._frozen.remove((due_at, process))

    def _pause_seconds(self) -> float:
        return self._dice.expovariate(1 / self._instance.plan.mean_pause_seconds)
