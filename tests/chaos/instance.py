"""The real service: its parts as processes, each started again when it dies, as an init system would."""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx2
import psutil

from client.broker import Broker
from client.child import Child, Program
from client.deployment import Deployment
from client.listening import listen, url_of
from client.processes import Found, Processes, end, kill
from tests.chaos import quick_trainer, witness
from tests.chaos.databases import SERVERS, Server
from tests.chaos.plan import ROOT, Plan
from tests.patience import until

_STOP_SECONDS = 60.0


class Instance:
    """A service on loopback, in a folder by which all of its processes are known."""

    def __init__(self, folder: Path, plan: Plan, broker: Broker | None = None) -> None:
        self.plan = plan
        self.folder = folder
        self.broker = broker or Broker()
        self.witness_path = folder / "witness.log"
        self.database: Server = SERVERS[plan.database](folder)
        self._deployment = Deployment(folder, models=self._models(), broker=self.broker)
        self._deployment.make_folders()
        self._listener = listen("127.0.0.1", 0)
        self.url = url_of(self._listener)
        self.processes = Processes(folder)
        self._children: dict[str, Child] = {}

    def start(self) -> None:
        """Start everything; returns once every worker looks for jobs."""
        migrations = self._with(self._deployment.run_migrations())
        assert migrations.start().wait() == 0, migrations.log_path.read_text()
        assert self._with(self._deployment.make_key()).start().wait() == 0
        if self.plan.trainer == "real":
            starter = self._deployment.make_starter()
            until(starter.is_there)
        self._keep("broker", self._with(self._deployment.run_broker()))
        self._keep("api", self._with(self._deployment.run_api(self._listener.fileno())))
        for number in range(self.plan.num_workers):
            name = f"w{number}"
            program = self._with(self._deployment.run_worker(), TUNEYARD_WORKER_NAME=name)
            self._keep(name, replace(program, log_path=program.log_path.with_name(f"worker-{name}.log")))
        until(self._is_ready)

    @property
    def api_key(self) -> str:
        """Opens it."""
        return self._deployment.key_path.read_text().strip()

    def tend(self) -> None:
        """Start again what has died."""
        for name, child in self._children.items():
            if child.exit_code is not None:
                self._children[name] = Child(child.program)
        self.database.tend()

    def by_role(self) -> Found:
        """Every process, by role."""
        return self.processes.by_role()

    def open_files(self) -> dict[str, int]:
        """File descriptors of each part that is kept; one that has just died has none."""
        return {name: _num_open(child.pid) for name, child in self._children.items()}

    def resident_bytes(self) -> dict[str, int]:
        """Memory of each part that is kept."""
        return {name: psutil.Process(child.pid).memory_info().rss for name, child in self._children.items()}

    def stop(self) -> list[str]:
        """Ask every part to end as an administrator does; the roles of processes that are left are orphans."""
        end([psutil.Process(child.pid) for child in self._children.values() if child.exit_code is None], _STOP_SECONDS)
        with suppress(TimeoutError):
            until(lambda: not self._left(), _STOP_SECONDS)
        return self._left()

    def destroy(self) -> None:
        """Kill whatever is left, by its id."""
        until(self._is_killed, _STOP_SECONDS)
        self.database.close()
        self._listener.close()

    def _is_killed(self) -> bool:
        """True if nothing was left to kill; one of those that were may have started another just then."""
        left = [process for found in self.by_role().values() for process in found]
        kill(left)
        for child in self._children.values():
            child.end(0)
        return not left

    def _left(self) -> list[str]:
        return sorted(role for role, found in self.by_role().items() for _ in found)

    def _keep(self, name: str, program: Program) -> None:
        self._children[name] = Child(program)

    def _models(self) -> Mapping[str, Path]:
        if self.plan.trainer == "real":
            return {}
        empty = self.folder / "model"
        empty.mkdir()
        (empty / "config.json").write_text("{}")
        return {"starter": empty}

    def _with(self, program: Program, **more: str) -> Program:
        settings = {
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "TUNEYARD_DATABASE_URL": self.database.url,
            "TUNEYARD_LEASE_SECONDS": str(self.plan.lease_seconds),
            "TUNEYARD_BEAT_SECONDS": "1",
            "TUNEYARD_SWEEP_SECONDS": "1",
            "TUNEYARD_NUM_SLOTS": str(self.plan.num_slots),
            "TUNEYARD_TRAINER_COMMAND": json.dumps(self._trainer_command()),
        }
        return replace(program, environment={**program.environment, **settings, **more})

    def _trainer_command(self) -> list[str]:
        told = {
            witness.VARIABLE: str(self.witness_path),
            quick_trainer.STEP_SECONDS: str(self.plan.step_seconds),
        }
        if not self.plan.has_switch:
            told[quick_trainer.WITHOUT_SWITCH] = "1"
        module = "quick_trainer" if self.plan.trainer == "quick" else "witnessed_trainer"
        return [*self._env(**told), sys.executable, "-m", f"tests.chaos.{module}"]

    def _env(self, **told: str) -> list[str]:
        """A worker hands hardly a variable on; this becomes the program that it starts, in the same process."""
        env = shutil.which("env")
        assert env is not None
        return [env, f"PYTHONPATH={ROOT}", *(f"{name}={value}" for name, value in told.items())]

    def _is_ready(self) -> bool:
        try:
            answer = httpx2.get(f"{self.url}/readyz", timeout=1, trust_env=False)
        except httpx2.TransportError:
            return False
        return answer.is_success and answer.json()["num_workers"] == self.plan.num_workers


def _num_open(pid: int) -> int:
    try:
        return psutil.Process(pid).num_fds()
    except psutil.NoSuchProcess:
        return 0


def open_folder(path: Path) -> Path:
    """An empty folder of this name."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return Path(os.path.realpath(path))
